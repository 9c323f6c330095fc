// The side bar begins closed: on a laptop's screen the lists need its width. Who opens it keeps it open.

const OPEN = "django.admin.navSidebarIsOpen";
if (localStorage.getItem(OPEN) === null) localStorage.setItem(OPEN, "false");
