"""The errors a user can cause, and the unexpected one."""


class MerError(Exception):
    """Something the user gave cannot be used.

    The message says what was given, what was expected and what to do next. Command-line
    tools print it and exit with `exit_code`; a traceback would be a defect.
    """

    exit_code = 1


class UsageError(MerError):
    """An option or argument that makes no sense, whatever the files hold."""

    exit_code = 2


class Defect(MerError):
    """An unexpected error; the message says where its report is (see `mer.cli.as_error`)."""

    exit_code = 70  # EX_SOFTWARE of sysexits.h
