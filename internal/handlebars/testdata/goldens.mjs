// Makes goldens.json: what the reference implementation of Handlebars makes of
// a table of templates and data. The tests read only its result. To run it anew:
//
//   npm install --prefix SOME_FOLDER handlebars@4.7
//   NODE_PATH=SOME_FOLDER/node_modules node goldens.mjs > goldens.json
//
// A golden is {template, data, text, html} or {template, data, error: true}:
// text is the result without escaping, html the one with it. Without escaping
// Handlebars 4.7 adds up two numbers that stand side by side, which nobody
// wants: the table has something between them.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.NODE_PATH || ".", "x.js"));
const Handlebars = require("handlebars");

// Helpers of ours that Handlebars lacks, as far as the table needs them.
Handlebars.registerHelper("eq", (a, b) => a === b);
Handlebars.registerHelper("ne", (a, b) => a !== b);
Handlebars.registerHelper("not", (a) => Handlebars.Utils.isEmpty(a) || a === 0);
Handlebars.registerHelper("upper", (s) => String(s).toUpperCase());

const data = {
  event: {
    id: "evt_1", type: "grant.active", empty: "", zero: 0, one: 1, float: 1.5, negative: -3, yes: true, no: false, nothing: null,
    hostile: `<a href="x">'&\`=`, unicode: "Zoë 東京 🙂", lines: "a\nb",
    requester: { name: "Ann", email: "ann@example.com", team: { name: "SRE", lead: { name: "Lee" } } },
    access: [
      { resource: { name: "db-1", tags: ["x", "y"] }, permission: "read" },
      { resource: { name: "db-2", tags: [] }, permission: "write" },
      { resource: { name: "db-3", tags: ["z"] }, permission: "admin" },
    ],
    words: ["one", "two", "three"], numbers: [0, 1, 2], nested: [[1, 2], [3]], none: [], object: { b: 1, a: "two", c: null }, emptyObject: {},
    "strange key": "strange", "a-b": "dashed", "with.dot": "dotted", if: "a key named if", list: [{ v: null }, { v: false }, { v: 0 }, { v: "" }, { v: "x" }],
    "ключ": "ключ", else: "e", this: "t", "0": "zero key",
  },
};

const templates = [
  // Values and paths.
  "plain text", "", "{{id}}", "{{ id }}", "{{\n id\n}}", "a{{id}}b{{type}}c", "{{missing}}", "{{missing.deeper}}", "{{nothing}}", "{{nothing.x}}",
  "{{empty}}|{{zero}}|{{one}}|{{float}}|{{negative}}|{{yes}}|{{no}}", "{{hostile}}", "{{unicode}}", "{{lines}}", "{{ключ}}",
  "{{requester.name}}", "{{requester/name}}", "{{requester.team.lead.name}}", "{{this.id}}", "{{./id}}", "{{this/id}}", "{{@root.id}}", "{{@root.requester.name}}",
  "{{requester.[name]}}", "{{[strange key]}}", "{{a-b}}", "{{[with.dot]}}", "{{words.[0]}}", "{{words.1.x}}|{{access.0.permission}}", "{{access.[1].resource.name}}", "{{access.length}}",
  "{{access.9.permission}}", "{{\"strange key\"}}", "{{'strange key'}}", "{{this.if}}", "{{[if]}}|", "{{words.[9]}}", "{{access.0.resource.tags.[1]}}", "{{words.-1}}|", "{{words.00}}|",
  "{{id.length}}", "{{[0]}}", "{{0}}", "{{requester.[team].[lead].name}}",
  // Broken ones.
  "{{id", "{{id}", "{{}}", "{{#if yes}}", "{{/if}}", "{{#if yes}}{{/each}}", "{{#if yes}}{{else}}{{else}}{{/if}}", "{{else}}", "{{#if}}x{{/if}}", "{{#if yes no}}x{{/if}}", "{{id ..}}", "{{a..b}}", "{{a/../b}}",
  "{{requester.this}}", "{{#each}}x{{/each}}", "{{foo bar}}", "{{(eq 1 2)}}", "{{id=1}}", "{{#if a=1}}x{{/if}}", "{{!-- open }}", "{{\"open}}", "{{[open}}", "{{@}}", "{{id!}}", "{{#if yes}}x{{/if no}}", "{{a b c", "{{#yes}}", "{{^yes}}", "{{#each words as ||}}x{{/each}}", "{{#each words as |a}}x{{/each}}",
  "{{#if yes}}a{{else if}}b{{/if}}", "{{#if yes}}{{#each words}}{{/if}}{{/each}}",
  // Truth.
  ...["missing", "nothing", "empty", "zero", "one", "float", "yes", "no", "none", "words", "object", "emptyObject", "hostile", "requester", "requester.none"].flatMap((p) => [
    `{{#if ${p}}}yes{{else}}no{{/if}}`, `{{#unless ${p}}}yes{{else}}no{{/unless}}`, `{{#with ${p}}}yes{{else}}no{{/with}}`, `{{#${p}}}yes{{else}}no{{/${p}}}`, `{{^${p}}}yes{{else}}no{{/${p}}}`, `{{#each ${p}}}x{{else}}no{{/each}}`,
  ]),
  // Inverted, without {{else}}: nothing where there is something.
  ...["missing", "nothing", "empty", "zero", "one", "yes", "no", "none", "words", "access", "nested", "list", "object", "emptyObject", "hostile", "requester", "requester.none", "access.0.resource.tags", "access.1.resource.tags"].flatMap((p) => [
    `[{{^${p}}}no{{/${p}}}]`, `[{{^each ${p}}}no{{/each}}]`, `[{{^if ${p}}}no{{/if}}]`, `[{{^unless ${p}}}no{{/unless}}]`, `[{{^with ${p}}}no{{/with}}]`,
  ]),
  "[{{#words}}{{/words}}]", "[{{#each words}}{{/each}}]", "[{{^words}}{{/words}}]", "[{{^words}}no{{^}}{{this}},{{/words}}]", "[{{^each words}}no{{else}}{{@index}}{{this}},{{/each}}]", "[{{^each object}}no{{else}}{{@key}},{{/each}}]", "[{{^each words as |w i|}}no{{else}}{{i}}{{w}},{{/each}}]",
  "{{#each access}}{{permission}}:{{^resource.tags}}none{{/resource.tags}} {{/each}}", "{{#each access}}{{permission}}:{{^each resource.tags}}none{{/each}} {{/each}}", "{{#each nested}}[{{^this}}none{{/this}}]{{/each}}", "a\n{{^words}}\nnone\n{{/words}}\nb", "a\n{{^none}}\nnone\n{{/none}}\nb", "{{#if no}}a{{else}}{{^words}}none{{/words}}{{^none}}empty{{/none}}{{/if}}",
  "{{#if zero includeZero=true}}yes{{else}}no{{/if}}", "{{#unless zero includeZero=true}}yes{{else}}no{{/unless}}", "{{#if empty includeZero=true}}yes{{else}}no{{/if}}", "{{#if zero includeZero=false}}yes{{else}}no{{/if}}",
  // Literals and subexpressions.
  "{{#if (eq type \"grant.active\")}}a{{else}}b{{/if}}", "{{#if (eq type 'x')}}a{{else}}b{{/if}}", "{{#if (not (eq one 1))}}a{{else}}b{{/if}}", "{{#if (eq yes true)}}a{{/if}}", "{{#if (eq nothing null)}}a{{/if}}", "{{#if (eq missing undefined)}}a{{/if}}",
  "{{#if (eq float 1.5)}}a{{/if}}", "{{#if (eq negative -3)}}a{{/if}}", "{{#if true}}a{{/if}}{{#if false}}b{{/if}}{{#if 0}}c{{/if}}{{#if 1}}d{{/if}}{{#if \"\"}}e{{/if}}{{#if \"x\"}}f{{/if}}{{#if null}}g{{/if}}{{#if undefined}}h{{/if}}",
  "{{upper \"a \\\"quoted\\\" b\"}}", "{{upper 'it\\'s'}}", "{{upper \"it's\"}}", "{{upper \"back\\slash\"}}", "{{eq one 1}}|{{eq one \"1\"}}", "{{ne one 1}}", "{{upper (lookup requester \"name\")}}", "{{eq id 1.5}}", "{{upper \"}}\"}}",
  "{{lookup requester 'name'}}", "{{lookup words 1}}", "{{lookup words 9}}|", "{{lookup missing 'x'}}|", "{{lookup this type}}|", "{{lookup (lookup access 1) 'permission'}}", "{{#with (lookup access 1)}}{{resource.name}}{{/with}}", "{{#each (lookup this 'words')}}{{this}},{{/each}}", "{{lookup object 'c'}}|",
  // Loops.
  "{{#each words}}{{this}} {{/each}}", "{{#each words}}{{.}} {{/each}}", "{{#each words}}{{@index}},{{@key}},{{@first}},{{@last}} {{/each}}", "{{#each object}}{{@key}}={{this}}@{{@index}}{{#if @first}}F{{/if}}{{#if @last}}L{{/if}} {{/each}}",
  "{{#each access}}{{resource.name}}:{{permission}}{{#unless @last}}, {{/unless}}{{/each}}", "{{#each access}}{{#each resource.tags}}{{../permission}}/{{this}}/{{../../id}} {{else}}-{{/each}}{{/each}}", "{{#each access}}{{@root.id}}{{@index}} {{/each}}",
  "{{#each access}}{{#each resource.tags}}{{@../index}}.{{@index}} {{/each}}{{/each}}", "{{#each nested}}{{#each this}}{{this}}{{/each}};{{/each}}", "{{#each nested}}{{#each .}}{{@../index}},{{@index}} {{/each}};{{/each}}", "{{#each list}}[{{v}}]{{/each}}", "{{#each list}}{{#if v}}t{{else}}f{{/if}}{{/each}}",
  "{{#each words as |w i|}}{{i}}:{{w}} {{/each}}", "{{#each access as |a|}}{{#each a.resource.tags as |t n|}}{{a.permission}}{{t}}{{n}} {{/each}}{{/each}}", "{{#each object as |v k|}}{{k}}-{{v}} {{/each}}", "{{#with requester as |r|}}{{r.name}}{{name}}{{/with}}", "{{#each words as |id|}}{{id}}{{./id}}{{this.id}}{{../id}} {{/each}}",
  "{{#each words}}{{../id}} {{/each}}", "{{#each words}}{{#if this}}{{this}}{{../type}}{{/if}} {{/each}}", "{{#each words}}{{#if @first}}<{{else if @last}}>{{else}}-{{/if}}{{/each}}", "{{#each none}}x{{else}}{{id}}{{/each}}", "{{#each id}}x{{else}}no{{/each}}", "{{#each numbers}}{{this}}{{/each}}", "{{#words}}{{this}}{{@index}}{{/words}}", "{{#access}}{{resource.name}}{{/access}}", "{{#requester}}{{name}}{{../id}}{{/requester}}", "{{#yes}}{{id}}{{/yes}}",
  "{{#each words}}{{#each ../numbers}}{{../this}}{{this}} {{/each}}{{/each}}", "{{#each words}}{{#each ../numbers}}{{../../id}}{{/each}}{{/each}}",
  // with, and what ../ means.
  "{{#with requester}}{{name}} {{../id}} {{team.name}}{{#with team}}{{name}}{{../name}}{{../../id}}{{/with}}{{/with}}", "{{#with requester}}{{#if name}}{{../id}}{{/if}}{{/with}}", "{{#with requester}}{{#with this}}{{../id}}{{/with}}{{/with}}", "{{#with this}}{{id}}|{{../id}}{{/with}}", "{{#with @root}}{{id}}|{{../id}}{{/with}}", "{{#with requester}}{{#with @root}}{{id}}{{../name}}{{/with}}{{/with}}", "{{words}}", "{{object}}", "{{#with id}}{{this}}{{../type}}{{/with}}", "{{#with requester.team}}{{lead.name}}{{/with}}",
  "{{../id}}|", "{{#with requester}}{{../../id}}|{{/with}}", "{{#if yes}}{{../id}}|{{/if}}", "{{#with requester}}{{this.name}}{{./name}}{{@root.id}}{{/with}}", "{{#with missing}}x{{else}}{{id}}{{/with}}", "{{#each access}}{{#with resource}}{{name}}{{../permission}}{{@index}}{{/with}} {{/each}}", "{{#each access}}{{#with ../requester}}{{name}}{{../permission}}{{/with}}{{/each}}", "{{#each access}}{{#each ../access}}{{permission}}{{../permission}} {{/each}}{{/each}}", "{{@index}}|{{@key}}|{{@first}}|",
  // else if.
  "{{#if no}}a{{else if yes}}b{{else}}c{{/if}}", "{{#if no}}a{{else if zero}}b{{else}}c{{/if}}", "{{#if no}}a{{else if zero}}b{{else if one}}c{{else}}d{{/if}}", "{{#if no}}a{{else if zero}}b{{/if}}|", "{{#each none}}a{{else if yes}}b{{/each}}", "{{#if no}}a{{else each words}}{{this}}{{/if}}", "{{#if no}}a{{else with requester}}{{name}}{{else}}c{{/if}}", "{{#if no}}a{{else unless no}}b{{/if}}", "{{#unless yes}}a{{^}}b{{/unless}}", "{{#if no}}a{{ else }}b{{/if}}", "{{#if no}}a{{else requester}}{{name}}{{/if}}", "{{^if no}}a{{else}}b{{/if}}", "{{^no}}a{{/no}}",
  "{{#if no}}a{{else if (eq type \"grant.active\")}}b{{/if}}", "{{#each words}}{{elsewhere}}x{{/each}}", "{{this.else}}", "{{#if no}}1{{else if no}}2{{else if no}}3{{else if yes}}4{{else}}5{{/if}}",
  // Comments and escapes.
  "a{{! c }}b", "a{{!-- c }} c --}}b", "a{{!}}b", "a{{!----}}b", "a{{!-- x --~}} b", "a {{~! c ~}} b", "a{{! -- }}b", "a{{!-- a --}} b --}}c", "\\{{id}}", "a\\{{id}}b{{id}}", "\\\\{{id}}", "\\\\\\{{id}}", "\\{{id}} \\{{type}} {{id}}", "\\{{{id}}}", "x\\{{id}}\\\\{{id}}", "\\{{ {{id}}", "\\\\x{{id}}", "}} {{id}} }}", "{ {{id}} }", "{{id}}}", "{\"a\":{{one}}}", "{ \"a\": { \"b\": {{one}} } }", "{{{id}}}", "a{{{hostile}}}b", "{{{ hostile }}}", "{{~{id}~}} x",
  // White space by ~.
  "a {{~id}} b", "a {{id~}} b", "a {{~id~}} b", " \n {{~id~}} \n ", "a {{~#if yes}} b {{/if}} c", "a {{#if yes~}} b {{/if}} c", "a {{#if yes}} b {{~/if}} c", "a {{#if yes}} b {{/if~}} c", "a {{~#if yes~}} b {{~/if~}} c", "a {{#if no}} b {{~else}} c {{/if}} d", "a {{#if no}} b {{else~}} c {{/if}} d", "a {{#if yes}} b {{~else~}} c {{/if}} d", "a {{#if no~}} b {{~else~}} c {{~/if}} d", "a {{~^no~}} b {{~/no~}} c", "a {{#if no}} b {{~else if yes~}} c {{~/if~}} d", "a {{#if no}} b {{~else if no~}} c {{~else~}} d {{~/if~}} e", "a {{#if no~}} b {{else if no}} c {{~else if yes}} d {{~/if}} e", "a {{#if no}} b {{else if no~}} c {{else if yes~}} d {{else~}} e {{~/if}} f", "{{#each words~}} {{this}} {{~/each}}", "{{#each words}} {{~this~}} {{/each}}", "a\u00a0{{~id~}}\u00a0b", "a\u2003\n {{~id}}", "a {{~^}} b", "a\t{{~id~}}\r\nb", "a {{#if no}} b {{~^~}} c {{/if}}", "{{#if no}} 1 {{~else if no}} 2 {{~else if no}} 3 {{else if yes~}} 4 {{~else}} 5 {{/if}} x",
  // Lines of their own.
  "a\n{{#if yes}}\nb\n{{/if}}\nc", "a\n  {{#if yes}}  \n  b\n  {{/if}}  \nc", "{{#if yes}}\nb\n{{/if}}\n", "{{#if yes}}\nb\n{{/if}}", "a\n{{#if no}}\nb\n{{else}}\nc\n{{/if}}\nd", "a\n{{#if no}}\nb\n{{else if yes}}\nc\n{{else}}\nd\n{{/if}}\ne", "a\n{{#if no}}\nb\n{{else if no}}\nc\n{{else if yes}}\nd\n{{/if}}\ne", "a\n{{#each words}}\n  - {{this}}\n{{/each}}\nb", "a\n{{#each words}}\n{{this}}\n{{else}}\nnone\n{{/each}}\nb", "a\n{{#each none}}\n{{this}}\n{{else}}\nnone\n{{/each}}\nb", "a\n{{! c }}\nb", "a\n  {{! c }}  \nb", "{{! c }}\nb", "a\n{{! c }}", "a {{! c }}\nb", "a\n{{!-- c\nd --}}\nb", "a\n{{id}}\nb", "a\n{{#if yes}}b{{/if}}\nc", "a\n{{#if yes}}\nb{{/if}}\nc", "a\n{{#if yes}}b\n{{/if}}\nc", "a\r\n{{#if yes}}\r\nb\r\n{{/if}}\r\nc", "a\n\n{{#if yes}}\n\nb\n\n{{/if}}\n\nc", "{{#if yes}}{{#if one}}\nb\n{{/if}}{{/if}}\nc", "{{#if yes}}\n{{#if one}}\nb\n{{/if}}\n{{/if}}\nc", "  {{#if yes}}\n  b\n  {{/if}}\n", "{{#if yes}}\n{{/if}}\n", "{{#if yes}} {{/if}}", " {{#if yes}} {{/if}} ", "a\n{{#if yes}}\n{{id}}\n{{/if}}", "{{#with requester}}\n  {{name}}\n{{/with}}\n", "{{^no}}\nb\n{{/no}}\nc", "a\n{{^no}}\nb\n{{else}}\nc\n{{/no}}\nd", "{{#words}}\n{{this}}\n{{/words}}\n", "x\n\\{{id}}\n{{! c }}\ny", "\\{{id}}{{! c }}\ny", "\n{{! c }}\n\n{{! d }}\n", "{{! c }}{{! d }}\nx", "{{! c }} {{! d }}\nx", " {{! c }} {{id}}\nx", "a\n {{#if yes}} {{! c }}\n b\n {{/if}} x\n", "a\n{{#if yes}}\n  {{#each words}}\n    {{this}}\n  {{/each}}\n{{/if}}\nb\n", "a\n\u00a0{{#if yes}}\u00a0\nb\n{{/if}}\n", "{{#if yes}}\n\n{{/if}}x", "a\n{{#if no}}\nb\n{{^}}\nc\n{{/if}}", "{{#if no}}\n{{else}}\n{{/if}}\nx", "a\n  {{~#if yes}}\n  b\n  {{/if~}}\n  c", "a\n{{#if yes~}}\nb\n{{~/if}}\nc", "a\n{{#if no}}\nb\n{{~else~}}\nc\n{{/if}}\nd", "[\n{{#each access}}\n  {\"n\": \"{{permission}}\"}{{#unless @last}},{{/unless}}\n{{/each}}\n]\n",
];

const out = [];
for (const template of templates) {
  const golden = { template };
  try {
    golden.text = Handlebars.compile(template, { noEscape: true })(data.event);
    golden.html = Handlebars.compile(template)(data.event);
    if (golden.html === golden.text) delete golden.html;
  } catch (e) {
    golden.error = true;
    delete golden.text;
  }
  out.push(golden);
}
console.log(JSON.stringify({ implementation: `handlebars ${Handlebars.VERSION}`, data: data.event, goldens: out }, null, 1));
