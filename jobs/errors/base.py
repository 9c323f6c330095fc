"""What every refusal of the job engine has."""


class JobError(Exception):
    """`hint` says what to do about it; empty where nothing can be done."""

    code = "job_error"
    hint = ""
