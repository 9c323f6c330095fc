"""How a moment is written where no template says it: in the admin's lists, as logs write it."""

DATE_FORMAT = "Y-m-d"
SHORT_DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "Y-m-d H:i:s"
