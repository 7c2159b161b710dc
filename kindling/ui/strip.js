// A strip of exposures: pressing one sets the ratio.
const show = () => {
  const seen = props.value ? JSON.parse(props.value) : [];
  element.querySelector(".strip").replaceChildren(...seen.map(one => {
    const button = document.createElement("button"), image = new Image();
    button.type = "button";
    button.className = "exposure";
    button.setAttribute("aria-label", `ratio ${one.ratio}`);
    image.src = one.picture;
    image.alt = "";
    button.append(image, document.createTextNode(one.ratio));
    button.addEventListener("click", () => trigger("select", { ratio: one.ratio }));
    return button;
  }));
};
watch("value", show);
show();
