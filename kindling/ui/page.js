// What Gradio's field for files leaves to be wished for those who hear the page, or use the keyboard alone.
new MutationObserver(() => {
  for (const field of document.querySelectorAll("button.upload-container[aria-label]")) {
    const around = field.parentElement.closest("button");
    if (around && !field.inert) { // a button in a button: the outer one does what the inner one did
      field.inert = true;
      around.ariaLabel = around.title = "Add files";
      around.addEventListener("click", event => { if (!field.contains(event.target)) field.click(); });
    } else if (!around && field.innerText.trim()) {
      field.removeAttribute("aria-label"); // what is heard is what is seen
    }
  }
}).observe(document.documentElement, { childList: true, subtree: true });
