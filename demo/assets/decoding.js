// The beam tree by keyboard: left to the parent, right to the best child, up and down in a column.
{
  const line = (node) => node.closest("[data-tree]").parentElement.querySelector("[data-node]");
  const nodes = (tree) => [...tree.querySelectorAll("[role=treeitem]")];

  const beside = (node, key) => {
    const all = nodes(node.closest("[data-tree]"));
    const column = all.filter((n) => n.ariaLevel === node.ariaLevel);
    const children = all.filter((n) => n.dataset.parent === node.dataset.n);
    const kept = children.find((n) => n.classList.contains("best")) ?? children.find((n) => !n.classList.contains("pruned"));
    return {
      ArrowLeft: () => all.find((n) => n.dataset.n === node.dataset.parent),
      ArrowRight: () => kept ?? children[0],
      ArrowUp: () => column[column.indexOf(node) - 1],
      ArrowDown: () => column[column.indexOf(node) + 1],
      Home: () => all[0],
      End: () => all[all.length - 1],
    }[key];
  };

  document.addEventListener("keydown", (event) => {
    const node = event.target.closest?.("[data-tree] [role=treeitem]");
    const next = node && beside(node, event.key);
    if (!next) return;
    event.preventDefault();
    next()?.focus();
  });

  document.addEventListener("focusin", (event) => {
    const node = event.target.closest?.("[data-tree] [role=treeitem]");
    if (!node) return;
    for (const other of nodes(node.closest("[data-tree]"))) other.setAttribute("tabindex", other === node ? 0 : -1);
    node.scrollIntoView({ block: "nearest", inline: "nearest" });
    line(node).textContent = node.ariaLabel;
  });

  document.addEventListener("click", (event) => event.target.closest?.("[data-tree] [role=treeitem]")?.focus());
}
