"use strict";

// Renders /openapi.json as one readable list: text is always set as text, never as markup.

function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

function details(title, value) {
  const node = element("details");
  node.append(element("summary", title), element("pre", JSON.stringify(value, null, 2)));
  return node;
}

function parameters(list) {
  const node = element("dl");
  for (const parameter of list) {
    const type = parameter.schema && parameter.schema.type ? ` : ${parameter.schema.type}` : "";
    const need = parameter.required ? " (required)" : "";
    node.append(element("dt", `${parameter.in} ${parameter.name}${type}${need}`));
    if (parameter.description) node.append(element("dd", parameter.description));
  }
  return node;
}

// What a body is, by the name of its schema: `Session[]`.
function shape(content) {
  const schema = Object.values(content || {}).map((kind) => kind.schema)[0];
  if (!schema) return "";
  const one = schema.items || schema;
  const name = one.$ref ? one.$ref.split("/").pop() : one.type || "";
  return schema.items ? `${name}[]` : name;
}

function responses(map) {
  const node = element("dl");
  for (const [status, response] of Object.entries(map)) {
    node.append(element("dt", status), element("dd", `${response.description || ""} ${shape(response.content)}`));
  }
  return node;
}

function operation(method, path, description) {
  const node = element("section");
  const heading = element("h2");
  heading.append(element("span", method.toUpperCase(), "method"), ` ${path}`);
  node.append(heading);
  node.append(element("p", description.description || description.summary || ""));
  if (description.parameters) node.append(parameters(description.parameters));
  if (description.requestBody) node.append(details("Body", description.requestBody.content));
  if (description.responses) node.append(responses(description.responses));
  node.dataset.search = `${method} ${path} ${description.summary || ""}`.toLowerCase();
  return node;
}

function render(document_) {
  const main = document.getElementById("routes");
  main.replaceChildren();
  for (const path of Object.keys(document_.paths).sort()) {
    for (const [method, description] of Object.entries(document_.paths[path])) {
      main.append(operation(method, path, description));
    }
  }
  if (document_.components) main.append(details("Schemas", document_.components.schemas || {}));
}

function filter(event) {
  const wanted = event.target.value.toLowerCase();
  for (const node of document.querySelectorAll("section")) {
    node.hidden = !node.dataset.search.includes(wanted);
  }
}

async function start() {
  document.getElementById("filter").addEventListener("input", filter);
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`/openapi.json answered ${response.status}`);
  render(await response.json());
}

start().catch((error) => {
  document.getElementById("routes").replaceChildren(element("p", `${error.message}`));
});
