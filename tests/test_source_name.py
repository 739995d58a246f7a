import pytest

from mer.media.source_name import holds_secret, source_name


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("rtsp://admin:geheim@10.0.0.8:554/live", "rtsp://10.0.0.8:554/live"),
        ("rtsp://admin@10.0.0.8/live", "rtsp://10.0.0.8/live"),
        ("RTSP://admin:ge@heim@cam/live", "RTSP://cam/live"),
        ("http://user:ge/heim@cam/x?y=1", "http://cam/x?y=1"),
        ("http:/user:geheim@cam/x", "http:/cam/x"),
        ("http://[fe80::1]:8080/x@2", "http://[fe80::1]:8080/x@2"),
        ("http://cam:8080/pictures/a@2x.mjpg", "http://cam:8080/pictures/a@2x.mjpg"),
        ("http://cam/x?token=geheim&fps=30", "http://cam/x?token=***&fps=30"),
        ("http://cam/x?fps=30&Access_Token=geheim#key=geheim", "http://cam/x?fps=30&Access_Token=***#key=***"),
        ("https://cam/x?X-Amz-Signature=geheim&sig=geheim", "https://cam/x?X-Amz-Signature=***&sig=***"),
        ("http://cam/x?api_key=geheim;pwd=geheim", "http://cam/x?api_key=***;pwd=***"),
        ("http://cam/x?auth=", "http://cam/x?auth=***"),
        ("rtsp://cam/user=admin_password=geheim_channel=1.sdp", "rtsp://cam/user=admin_password=***"),
        ("rtspsrc location=rtsp://a:geheim@cam/1 user-pw=geheim ! appsink", None),
        ("rtspsrc user-id=me user-pw='ge heim' ! appsink", "rtspsrc user-id=me user-pw=*** ! appsink"),
        ("HTTP 401: 'http://u:geheim@cam/x'; try again", "HTTP 401: 'http://cam/x'; try again"),
        ("http://u:geheim@a/1 led to http://u:geheim@b/2", "http://a/1 led to http://b/2"),
    ],
)
def test_an_address_is_named_without_its_secrets(given: str, named: str | None) -> None:
    assert "geheim" not in source_name(given).replace(" ", "")
    assert named is None or source_name(given) == named


@pytest.mark.parametrize(
    "text",
    ["0", "/dev/video0", "interview.mp4", "S01:rest.mp4", "a@b.mp4", "udp://@:5000", "C:/films/a.mp4", "monkey=1.mp4"],
)
def test_what_holds_no_secret_keeps_its_name(text: str) -> None:
    assert source_name(text) == text
    assert not holds_secret(text)
