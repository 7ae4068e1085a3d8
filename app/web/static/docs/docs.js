// The API's own description, readable: what the OpenAPI document says, nothing else.

import { byId, element } from "./dom.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

const api = await (await fetch("/openapi.json")).json();
byId("operations").append(...Object.entries(api.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => item[method]).map((method) => operation(path, method, item[method]))));

function operation(path, method, told) {
  const body = told.requestBody && Object.entries(told.requestBody.content)[0];
  return element("details", { class: "card" },
    element("summary", {}, element("span", { class: "method" }, method.toUpperCase()),
      element("code", {}, path), " ", element("span", { class: "quiet" }, told.summary ?? "")),
    element("p", {}, told.description ?? ""),
    told.parameters?.length ? section("Parameters", told.parameters.map(parameter)) : null,
    body ? section("Body", [element("p", { class: "quiet" }, body[0]), sample(body[1].schema)]) : null,
    section("Answers", Object.entries(told.responses).map(answer)));
}

function section(title, content) {
  return element("section", {}, element("h3", {}, title), content);
}

function parameter(one) {
  const need = one.required ? "required" : "optional";
  return element("p", {}, element("code", {}, one.name), ` (${one.in}, ${need}) `,
    element("span", { class: "quiet" }, one.description ?? ""));
}

function answer([status, told]) {
  const [type, content] = Object.entries(told.content ?? {})[0] ?? [];
  const isProblem = type === "application/problem+json";
  return element("div", {},
    element("p", {}, element("b", {}, status), " ", marked(told.description ?? "")),
    content?.schema && !isProblem ? sample(content.schema) : null);
}

/** Text with its parts between backticks set as code. */
function marked(text) {
  return text.split("`").map((part, n) => (n % 2 ? element("code", {}, part) : part));
}

function sample(schema) {
  return element("pre", {}, JSON.stringify(shape(schema, 0), null, 2));
}

/** A schema as an example of its shape. */
function shape(schema, depth) {
  if (!schema || depth > 8) return "…";
  if (schema.$ref) return shape(schema.$ref.slice(2).split("/").reduce((at, step) => at[step], api), depth);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return shape(choices.find((one) => one.type !== "null"), depth + 1);
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.properties) {
    return Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, shape(one, depth + 1)]));
  }
  if (schema.type === "array") return [shape(schema.items, depth + 1)];
  if (schema.type === "object") return {};
  return schema.format ?? schema.type ?? "any";
}
