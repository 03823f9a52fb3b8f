// Buttons that copy what stands beside them; without script there are none, and the text can be selected.
for (const button of document.querySelectorAll('button[data-copies]')) {
  const source = document.getElementById(button.dataset.copies)
  if (source === null || navigator.clipboard === undefined) continue
  const label = button.textContent
  button.hidden = false
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(source.textContent)
      button.textContent = 'Copied'
    } catch {
      button.textContent = 'Could not be copied'
    }
    setTimeout(() => {
      button.textContent = label
    }, 2000)
  })
}
