"""Clusters that are not used: not an address, not there, not answering, not private; none of them is started."""

import socket
from importlib.util import find_spec
from pathlib import Path

import pytest

from mer.errors import MerError, UsageError
from mer.jobs import cluster
from realtime.commands import replay

pytestmark = pytest.mark.skipif(
    find_spec("ray") is None, reason="ray is not installed: pip install 'mer-live[cluster]'"
)


def test_a_ray_that_others_can_reach_is_not_used_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray  # here: it reads settings when it is imported, which test_cluster.py makes first

    done: list[str] = []
    monkeypatch.setattr(ray, "init", lambda **options: done.append("started"))
    monkeypatch.setattr(ray, "shutdown", lambda: done.append("ended"))
    monkeypatch.setattr(cluster, "listening_at", lambda ray: "10.0.0.8")
    with pytest.raises(MerError, match=r"listens at 10\.0\.0\.8, where others can reach it"):
        list(cluster.each(abs, [0], cluster="local", workers=1))
    assert done == ["started", "ended"]


@pytest.mark.parametrize("text", ["", "ray://head:10001", "head", "head:port", "local:"])
def test_what_is_no_address_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        replay.main([str(tmp_path), "--out", "nowhere", f"--cluster={text}"])
    assert ended.value.code == 2
    assert "is not the address of a cluster" in capsys.readouterr().err


def test_an_address_where_nothing_listens_is_named() -> None:
    with pytest.raises(UsageError, match=r"--cluster 127\.0\.0\.1:9 does not answer"):
        cluster.check("127.0.0.1:9")


def test_who_listens_but_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "ANSWER_S", 2.0)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(UsageError, match="does not answer within 2 s"),
    ):
        cluster.check(f"127.0.0.1:{server.getsockname()[1]}")


def test_a_missing_ray_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"mer-live\[cluster\]"):
        cluster.check("local")
