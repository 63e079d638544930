package handlebars

import "testing"

func TestAddresses(t *testing.T) {
	const bad = "JavaScript:alert(1)"
	for _, tt := range []struct{ text, reason, id, want string }{
		{`<a href="{{request.reason}}">`, bad, "", `<a href="JavaScript%3Aalert(1)">`},
		{`<a href='{{request.reason}}'>`, bad, "", `<a href='JavaScript%3Aalert(1)'>`},
		{`<A HREF = "{{request.reason}}">`, bad, "", `<A HREF = "JavaScript%3Aalert(1)">`},
		{`<form action="{{request.reason}}">`, bad, "", `<form action="JavaScript%3Aalert(1)">`},
		{`<iframe/src="{{request.reason}}">`, bad, "", `<iframe/src="JavaScript%3Aalert(1)">`},
		{`<svg><a xlink:href="{{request.reason}}">`, bad, "", `<svg><a xlink:href="JavaScript%3Aalert(1)">`},
		{`<a href="{{#if request.reason}}{{request.reason}}{{/if}}">`, bad, "", `<a href="JavaScript%3Aalert(1)">`},
		{`<a href={{#if request.reason}}"{{request.reason}}"{{/if}}>`, bad, "", `<a href="JavaScript%3Aalert(1)">`},
		{`<a href="{{request.reason}}">`, " \t\x01java\nscript:x:y", "", "<a href=\" \t\ufffdjava\nscript%3Ax:y\">"},
		{`<a href="{{request.reason}}{{request.id}}">`, "java", "script:x", `<a href="javascript%3Ax">`},
		{`<a href="{{request.reason}}{{request.id}}">`, "javascript", ":x", `<a href="javascript%3Ax">`},
		{`<a href="java{{request.reason}}">`, "script:x", "", `<a href="javascript%3Ax">`},
		{`<a href="  {{request.reason}}">`, "data:text/html,x", "", `<a href="  data%3Atext/html,x">`},
		{`<a href="{{request.reason}}">`, "https:x:y", "", `<a href="https:x:y">`},
		{`<a href="{{request.reason}}">`, "HTTPS://example.com/?a:b", "", `<a href="HTTPS://example.com/?a:b">`},
		{`<a href="{{request.reason}}">`, "mailto:a@example.com", "", `<a href="mailto:a@example.com">`},
		{`<a href="{{request.reason}}">`, "https javascript:x", "", `<a href="https javascript%3Ax">`},
		{`<a href="{{request.reason}}">`, "/a:b", "", `<a href="/a:b">`},
		{`<a href="{{request.reason}}{{request.id}}">`, "a/b", "c:d", `<a href="a/bc:d">`},
		{`<a href="https://example.com/{{request.reason}}">`, "a:b", "", `<a href="https://example.com/a:b">`},
		{`<a href="http{{request.reason}}">`, "s://example.com", "", `<a href="https://example.com">`},
		{`<a href="x" title="{{request.reason}}">{{request.reason}}`, "a:b", "", `<a href="x" title="a:b">a:b`},
		{`it's href {{request.reason}} "{{request.reason}}"`, "a:b", "", `it's href a:b "a:b"`},
		{`<a href="">{{request.reason}}<a href="{{request.id}}">`, "a:b", "c:d", `<a href="">a:b<a href="c%3Ad">`},
	} {
		tmpl, err := Parse(tt.text, HTML)
		if err != nil {
			t.Fatalf("%s: %v", tt.text, err)
		}
		ev := fullSample()
		ev.Request.Reason, ev.Request.ID = tt.reason, tt.id
		out, err := tmpl.Execute(ev)
		if err != nil || string(out) != tt.want {
			t.Errorf("%s with %q gives %q, want %q, error %v", tt.text, tt.reason, out, tt.want, err)
		}
	}
}
