import io
import time

from rich.console import Console

from realtime.screen.progress import BatchBar


def drawn(names: list[str], frames: list[tuple[int, int]], *, ended: int) -> str:
    """Return what the bars of a batch look like at the end."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    with BatchBar(names, console) as bar:
        bar.update(frames)
        for number in range(ended):
            bar.end(number)
        bar.update(frames)
    return out.getvalue()  # the last state is drawn once more at the end


def test_a_batch_shows_what_is_under_way_and_how_many_are_done() -> None:
    text = drawn(["a.mp4", "Talk [/id].mp4", "c.mp4"], [(5, 10), (3, 10), (0, 0)], ended=1)
    last = text[text.rindex("recordings") :]
    assert "1/3" in last
    assert "Talk [/id].mp4" in last
    assert "a.mp4" not in last
    assert "c.mp4" not in last


def test_a_name_cannot_act_on_the_terminal() -> None:
    assert "\x1b]52" not in drawn(["a\x1b]52;c;aGk=\x07.mp4"], [(5, 10)], ended=0)


def test_looking_at_thousands_of_recordings_takes_no_time() -> None:
    names = [str(number) for number in range(20_000)]
    with BatchBar(names, Console(file=io.StringIO())) as bar:
        for number in range(19_990):
            bar.end(number)
        began_s = time.process_time()
        bar.update([(1, 1)] * len(names))
        assert time.process_time() - began_s < 0.5  # with every recording looked at in a list of all it takes minutes
