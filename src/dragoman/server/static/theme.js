/* Sets the theme before anything is drawn, so that a dark page does not flash white. A classic script on purpose. */
(function () {
  try {
    var theme = localStorage.getItem("dragoman.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch (error) {
    /* storage is forbidden: the system's theme it is */
  }
})();
