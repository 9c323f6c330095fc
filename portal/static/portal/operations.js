// The side bar begins closed: on a laptop's screen the lists need its width. Who opens it keeps it open.
{
  const name = "django.admin.navSidebarIsOpen"; // Django's own
  if (localStorage.getItem(name) === null) localStorage.setItem(name, "false");
}
