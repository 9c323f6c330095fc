"""What a run says about its own result: figures with definitions, for docs/report.md.

Nothing is loaded here: `measures` needs torch and OpenCV, `schema` and `document` need neither.
"""
