// The picture before and after, with a line to move and a zoom. The server sends what is to be seen as `value`; what the
// person has set, the line and the zoom, stays here while pictures come and go.
const part = name => element.querySelector(`[data-part="${name}"]`);
const stage = part("stage"), split = part("split"), zoom = part("zoom");
let x = 0.5, y = 0.5; // the point of the picture in the middle of the stage

const draw = () => {
  const scale = Number(zoom.value), half = 0.5 / scale;
  x = Math.min(Math.max(x, half), 1 - half);
  y = Math.min(Math.max(y, half), 1 - half);
  const moved = `scale(${scale}) translate(${(0.5 - x) * 100}%, ${(0.5 - y) * 100}%)`;
  for (const image of stage.querySelectorAll("img")) image.style.transform = moved;
  part("after").style.clipPath = `inset(0 0 0 ${split.value}%)`;
  part("line").style.left = `${split.value}%`;
  stage.style.touchAction = scale > 1 ? "none" : "pan-y"; // a finger that goes down scrolls the page
  part("zoomed").textContent = `${scale.toFixed(1)}×`;
};
const show = () => {
  const seen = props.value ? JSON.parse(props.value) : {};
  element.dataset.empty = seen.after ? "no" : "yes";
  if (!seen.after) return;
  for (const name of ["before", "after"]) {
    const image = part(name).querySelector("img");
    if (seen[name] && image.src !== seen[name]) image.src = seen[name];
  }
  if (seen.size) stage.style.aspectRatio = `${seen.size[1]} / ${seen.size[0]}`;
  if (seen.fresh) { zoom.value = 1; split.value = 50; x = y = 0.5; }
  draw();
};
split.addEventListener("input", draw);
zoom.addEventListener("input", draw);

// One finger moves the line, or, zoomed in and away from the line, the picture; two fingers zoom.
const fingers = new Map();
let moving = "", apart = 0, before = 1;
const place = event => {
  const box = stage.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};
const distance = () => {
  const [a, b] = [...fingers.values()];
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
};
stage.addEventListener("pointerdown", event => {
  stage.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, place(event));
  if (fingers.size === 2) { moving = "zoom"; apart = distance(); before = Number(zoom.value); return; }
  const near = Math.abs(place(event)[0] - split.value / 100) < 0.06;
  moving = Number(zoom.value) === 1 || near ? "line" : "picture";
  if (moving === "line") { split.value = place(event)[0] * 100; draw(); }
});
stage.addEventListener("pointermove", event => {
  if (!fingers.has(event.pointerId)) return;
  const [was, now] = [fingers.get(event.pointerId), place(event)];
  fingers.set(event.pointerId, now);
  if (moving === "line") split.value = now[0] * 100;
  if (moving === "picture") { x -= (now[0] - was[0]) / zoom.value; y -= (now[1] - was[1]) / zoom.value; }
  if (moving === "zoom" && fingers.size === 2 && apart) zoom.value = before * distance() / apart;
  draw();
});
for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, event => fingers.delete(event.pointerId));
stage.addEventListener("dblclick", event => {
  [x, y] = place(event);
  zoom.value = Number(zoom.value) === 1 ? 3 : 1;
  draw();
});
stage.addEventListener("wheel", event => {
  if (!event.ctrlKey && Number(zoom.value) === 1) return; // the page scrolls
  event.preventDefault();
  zoom.value = Number(zoom.value) * Math.exp(-event.deltaY / 400);
  draw();
}, { passive: false });

watch("value", show);
show();
