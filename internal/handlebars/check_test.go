package handlebars

import (
	"strings"
	"testing"
)

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		as         Dialect
		text, want string
	}{
		// What is no template.
		{Text, "a\nb {{id", "line 2: "},
		{Text, "{{#if id}}\n\n{{id}}", "line 1: {{#if}} has no {{/if}}"},
		{Text, "a\n{{#if id}}\nb\n{{/each}}", "line 4: {{/each}} ends {{#if}} of line 2; write {{/if}}"},
		{Text, "a\n{{/if}}", "line 2: {{/…}} ends a block that nothing began"},
		{Text, "a\n{{else}}", "line 2: {{else}} stands in no block"},
		{Text, "{{#if id}}\n{{else}}\n{{else}}\n{{/if}}", "line 3: a second {{else}}"},
		{Text, "a\n{{! b", "line 2: the comment has no end"},
		{Text, "a\n{{> b}}", "line 2: partials"},
		{Text, "{{#> b}}{{/b}}", "line 1: partials"},
		{Text, "{{* b}}", "line 1: decorators"},
		{Text, "{{{{b}}}}{{{{/b}}}}", "line 1: raw blocks"},
		{JSON, "{\n\"a\": \"{{{request.reason}}}\"}", "line 2: {{{x}}} and {{&x}} would let an event's text out of its place: {{x}} is escaped for where it stands, {{json x}} writes a whole value"},
		{HTML, "{{&request.reason}}", "line 1: {{{x}}} and {{&x}}"},
		{Line, "{{~{request.reason}~}}", "line 1: {{{x}}} and {{&x}}"},
		{Text, "{{id \"a}}", "line 1: a string has no closing \""},
		{Text, "{{raw.[a}}", "line 1: ] is missing"},
		{Text, "{{id!}}", `line 1: '!' has no place here`},
		{Text, strings.Repeat("x", MaxTemplate+1), "line 1: the template must not be longer than 65536 bytes"},
		{Text, "a\xff", "line 1: the template must be valid UTF-8"},
		// Names.
		{JSON, "{\n\"a\": {{request.reson}}}", "line 2: reson is no key here (there are id, display_id, reason, url); did you mean reason?"},
		{JSON, "{\"a\":\n\n{{requster.name}}}", "line 3: requster is no key here"},
		{Text, "{{#each access}}\n{{recource.name}}{{/each}}", "line 2: recource is no key here (there are integration, resource, permission); did you mean resource?"},
		{Text, "{{#with request}}{{../requester.nam}}{{/with}}", "did you mean name?"},
		{Text, "{{#each access as |a|}}{{a.resource.nmae}}{{/each}}", "did you mean name?"},
		{Text, "{{@root.requst}}", "did you mean request?"},
		{Text, "{{access.name}}", "line 1: name is asked of a list; write {{#each …}}"},
		{Text, "{{request.reason.length}}", "line 1: length is asked of a text"},
		{Text, "{{lookup request \"reson\"}}", "did you mean reason?"},
		{Text, "{{join access \",\" \"resource.nme\"}}", "did you mean name?"},
		{Text, "{{@indx}}", "line 1: there is no @indx; did you mean index?"},
		{Text, "{{@index}}", "line 1: @index stands in no {{#each}}"},
		{Text, "{{#each access}}{{@../index}}{{/each}}", "line 1: @../index stands in no {{#each}}"},
		{Text, "{{../id}}", "line 1: ../id goes up further than there are levels"},
		{Text, "{{#if id}}{{../id}}{{/if}}", "line 1: ../id goes up further"},
		{Text, "\n{{jsn request}}", "line 2: jsn is no helper (there are and,"},
		{Text, "\n{{jsn request}}", "did you mean json?"},
		{Text, "{{#if (equals type \"x\")}}{{/if}}", "line 1: equals is no helper"},
		{Text, "{{#if (type)}}{{/if}}", "line 1: type is no helper"},
		{Text, "{{#eech access}}{{/eech}}", "line 1: {{#eech}} is no block that takes arguments (there are each, if, unless, with); did you mean each?"},
		{Text, "{{#eq type \"x\"}}{{/eq}}", "line 1: eq is no block: write {{#if (eq …)}}…{{/if}}"},
		{Text, "{{if type}}", "line 1: if is a block: write {{#if …}}…{{/if}}"},
		{Text, "{{request.reason 1}}", "line 1: request.reason is no helper and takes no arguments"},
		{Text, "{{json}}", "line 1: json is written as {{json value}}; a key of that name is this.json"},
		{Text, "{{eq type}}", "line 1: eq is written as {{eq a b …}}"},
		{Text, "{{truncate request.reason 0}}", "line 1: the length of truncate must be a whole number above 0"},
		{Text, "{{truncate request.reason \"x\"}}", "line 1: the length of truncate"},
		{Text, "{{upper type loud=true}}", "line 1: upper takes no loud="},
		{Text, "{{#each access x=1}}{{/each}}", "line 1: {{#each}} takes no x="},
		{Text, "{{#each}}{{/each}}", "line 1: {{#each}} takes exactly one argument"},
		{Text, "{{#if type id}}{{/if}}", "line 1: {{#if}} takes exactly one argument"},
		{Text, "{{#each request.reason}}{{/each}}", "line 1: {{#each}} goes over a list or an object, which this is not"},
		{Text, "{{#each access as |a b c|}}{{/each}}", "line 1: too many block parameters"},
		{Text, "{{#if type as |a|}}{{/if}}", "line 1: only {{#each}} and {{#with}} have block parameters"},
		{Text, "{{#each access as |json|}}{{/each}}", "line 1: the block parameter json has the name of a helper"},
		// A tag that nothing ends.
		{JSON, "{\n\"a\":{{request.reason", "line 2: {{ is not closed by }}"},
		{JSON, "\"{{request.reason\"", "line 1: {{ is not closed by }}"},
		{JSON, "{\"a\": \"{{request.reason\",\n\"b\": \"{{id}}\"}", "line 1: {{ is not closed by }}"},
		{Text, "{{", "line 1: {{ is not closed by }}"},
		{Text, "{{request.reason}", "line 1: {{ is not closed by }}"},
		{Text, "{{{request.reason", "line 1: {{ is not closed by }}"},
		{Text, "\n{{#each access", "line 2: {{ is not closed by }}"},
		{Text, "{{#each access as |a", "line 1: {{ is not closed by }}"},
		{Text, "{{#if id}}\n{{/if", "line 2: {{ is not closed by }}"},
		{Text, "{{#if id}}\n{{else if type\n{{/if}}", "line 2: {{ is not closed by }}"},
		{Text, "{{id % type}}", "line 1: '%' has no place here"},
		// Names that stand somewhere else.
		{Text, "{{reason}}", "line 1: reason is no key here (there are id, type, tenant_id, source, platform, platform_event, occurred_at, received_at, request, requester, grantee, access, approvals, window, error, raw); did you mean request.reason?"},
		{Text, "{{this.reason}}", "; did you mean request.reason?"},
		{Text, "{{upper reason}}", "; did you mean request.reason?"},
		{Text, "{{#if reason}}{{/if}}", "; did you mean request.reason?"},
		{Text, "{{raeson}}", "; did you mean request.reason?"},
		{Text, "{{name}}", "; did you mean requester.name or grantee.name?"},
		{Text, "{{resource.name}}", "resource is no key here (there are id, "},
		{Text, "{{resource.name}}", "; did you mean resource inside of {{#each access}}?"},
		{Text, "{{description}}", "; did you mean permission.description inside of {{#each access}}?"},
		{Text, "{{#each access}}{{request.id}}{{/each}}", "line 1: request is no key here (there are integration, resource, permission); inside of {{#each}} and {{#with}} the event's own keys are reached by ../request.id or @root.request.id"},
		{Text, "{{#each access}}{{#with resource}}{{request.id}}{{/with}}{{/each}}", "are reached by ../../request.id or @root.request.id"},
		{Text, "{{#with (default raw request)}}{{#with @root.request}}{{requester.name}}{{/with}}{{/with}}", "keys are reached by @root.requester.name"},
		{Text, "{{#each access}}{{id}}{{/each}}", "are reached by ../id or @root.id; or did you mean integration.id, resource.id or permission.id?"},
		{Text, "{{#each access}}{{reason}}{{/each}}", "; did you mean @root.request.reason?"},
		{Text, "{{#with request}}{{reson}}{{/with}}", "; did you mean reason?"},
		{Text, "{{summry}}", "; did you mean the helper summary?"},
		{Text, "{{#each access}}{{summry}}{{/each}}", "; did you mean the helper summary?"},
		{Text, "{{#if lnk}}{{/if}}", "; did you mean the helper (link)?"},
		{Text, "{{#each facts}}{{/each}}", "; did you mean the helper (facts)?"},
		{Text, "{{zzzzzz}}", "window, error, raw)"},
		// Bounds.
		{Text, "{{#each access}}\n{{#each ../access}}\n{{#each ../access}}\n{{#each ../access}}{{/each}}{{/each}}{{/each}}{{/each}}", "line 4: more than 3 loops inside one another"},
		{Text, strings.Repeat("{{#if type}}", 17), "line 1: more than 16 blocks inside one another"},
		{Text, "{{#if type}}" + strings.Repeat("\n{{else if id}}", 257) + "{{/if}}", "line 258: more than 256 {{else …}}"},
		{Text, "{{#if " + strings.Repeat("(not ", 9) + "id" + strings.Repeat(")", 9) + "}}{{/if}}", "line 1: more than 8 (subexpressions)"},
		{Text, "{{raw" + strings.Repeat(".a", 32) + "}}", "line 1: a path of more than 32 parts"},
		{Text, "{{or" + strings.Repeat(" id", 17) + "}}", "line 1: more than 16 arguments"},
		// JSON that is none, or not for every event.
		{JSON, "", "line 1: the template writes nothing, which is no JSON"},
		{JSON, "\n\n{{id}", "line 3: "},
		{JSON, "{\n\"a\": [\n{{#each access}}\n{{json this}},\n{{/each}}\n]}", "line 6: a comma stands before a closing bracket; in a loop write {{#unless @last}},{{/unless}} (tried with an event of type request.pending)"},
		{JSON, "{ {{#each access}}\"{{resource.name}}\": 1,{{/each}} }", "line 1: a comma stands before a closing bracket; in a loop write {{#unless @last}},{{/unless}}"},
		{JSON, "{ {{#each access}}\"{{resource.name}}\": {{json this}},\n{{/each}} }", "line 2: a comma stands before a closing bracket; in a loop"},
		{JSON, "{\"a\": [{{#each access}}{{json this}}{{/each}}]}", "line 1: a comma is missing before this value"},
		{JSON, "{\"a\": 1{{#if requester}}, \"b\": {{requester.name}}{{/if}}\n{{#unless requester}}\"c\"{{/unless}}}", "no more than its required keys"},
		{JSON, "{\"a\": {{type}}", "line 1: a { of this line is not closed"},
		{JSON, "{\"a\": \"\n\"}", "line 1: a line ends inside of a string"},
		{JSON, "{\n  \"a\": text\n}", "line 2: a word that is not true, false or null"},
		{JSON, "{\n  \"a\": open\n}", `line 2: text stands outside of a string: JSON wants it in "quotes"`},
		{JSON, "{\"a\": 1}\n{{id}}", "line 2: this value follows the JSON value"},
		{JSON, "{\"a\": 1}\nx", "line 2: something follows the JSON value"},
		{JSON, "{\"a\" {{id}}}", "line 1: a : is missing before this value"},
		{JSON, "{\"a\": \"\\\\{{id}}\"}", `line 1: a \ stands before this value`},
		{JSON, "{\"a\": 1{{id}}}", "line 1: this value stands within a number"},
		{JSON, "{\"a\": {{id}}{{id}}}", "line 1: a comma is missing before this value"},
		{JSON, "{ {{requester.name}}: 1 }", "line 1: an object's key must be a text, which this value is not for every event"},
		{JSON, "{ {{json access}}: 1 }", "line 1: an object's key must be a text"},
		{JSON, "{\"a\": 01}", "line 1: a number is not written as JSON has it"},
		{JSON, "{'a': 1}", `line 1: an object's key is missing here, in "quotes"`},
		{JSON, "[1}", "line 1: a closing bracket is of the other kind"},
		{JSON, "{\"a\": {{#if request}}1{{/if}}}", "line 1: a value is missing before a closing bracket"},
	}
	for _, tt := range tests {
		_, err := Parse(tt.text, tt.as)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%.80q) = %v, want %q", tt.text, err, tt.want)
		}
	}
}

// A template's own text may be a key of some vendor.
func TestErrorsShowNoText(t *testing.T) {
	for _, text := range []string{
		`{"key": "canary", {{id}}}`, `{"key": canary}`, `{"a": {{id "canary"}} }`, `{{"canary" 1}}`, `"canary`, `{"key": "canary" {{#if}}`, `{{upper "canary}}`, `{{! canary`, `canary {{#each "canary"}}{{/each}}`,
		`{{eq "canary"}}`, `{"a": "{{truncate type "canary"}}"}`, `{{lookup request "canary"}}`,
		`{"a": "{{id", "canary": 1}`, `{"a": {{id, "canary": "{{type}}"}`,
	} {
		_, err := Parse(text, JSON)
		if err == nil {
			t.Errorf("%s passes", text)
		} else if strings.Contains(err.Error(), "canary") && !strings.HasPrefix(text, "{{\"") && !strings.HasPrefix(text, "{{lookup") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAnythingGoesUnderRaw(t *testing.T) {
	for _, text := range []string{
		`{{raw.a.b.0.c}}`, `{{#each raw.list}}{{x}}{{../id}}{{#each z}}{{../y}}{{../../id}}{{/each}}{{/each}}`, `{{#with raw}}{{a}}{{../request.id}}{{/with}}`, `{{lookup raw "x"}}`, `{{#raw.a}}{{b}}{{/raw.a}}`,
		`{{#with (lookup raw "x")}}{{a}}{{/with}}`, `{{join raw.list "," "a.b"}}`, `{{#each (first raw.list 3)}}{{a}}{{/each}}`,
	} {
		if _, err := Parse(text, Text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
