/* The contact form works without this. With it the file chooser speaks the page's language. */
(() => {
  "use strict";
  const field = document.getElementById("files");
  const list = document.querySelector(".chosen");
  const size = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
  const weight = (bytes) => bytes < 1024 * 1024 ? size.format(Math.max(1, Math.round(bytes / 1024))) + " KB" : size.format(bytes / 1024 / 1024) + " MB";
  const show = () => {
    const names = [...field.files].map((file) => file.name + " (" + weight(file.size) + ")");
    list.replaceChildren(...(names.length ? names : [list.dataset.none]).map((name) => {
      const item = document.createElement("li");
      item.textContent = name;
      return item;
    }));
  };
  document.documentElement.classList.add("js");
  document.querySelector(".files .button").hidden = false;
  field.addEventListener("change", show);
  show();
})();
