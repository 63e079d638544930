package inbox

import (
	"bytes"
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"testing"
)

var spanPattern = regexp.MustCompile(`<span class="[ksnl]">|</span>|<div>|<div class="in">|</div>|<details open>|</details>|<summary class="(?:curly|square)">|</summary>`)

func textOf(t *testing.T, out string) string {
	t.Helper()
	s := spanPattern.ReplaceAllString(out, "")
	if strings.ContainsAny(s, "<>") {
		t.Fatalf("a tag of its own: %s", out)
	}
	return html.UnescapeString(s)
}

func TestPrettyJSON(t *testing.T) {
	got, cut := prettyJSON(json.RawMessage(`{"a":[1,-2.50,{}],"b <i>":"x\"</script>", "c" : [ ] ,"d":true,"e":null}`))
	want := strings.NewReplacer("\n", "", "\t", "").Replace(`
		<details open><summary class="curly">{</summary><div class="in">
			<details open><summary class="square"><span class="k">&#34;a&#34;</span>: [</summary><div class="in">
				<div><span class="n">1</span>,</div>
				<div><span class="n">-2.50</span>,</div>
				<div>{}</div>
			</div><div>],</div></details>
			<div><span class="k">&#34;b &lt;i&gt;&#34;</span>: <span class="s">&#34;x\&#34;&lt;/script&gt;&#34;</span>,</div>
			<div><span class="k">&#34;c&#34;</span>: [],</div>
			<div><span class="k">&#34;d&#34;</span>: <span class="l">true</span>,</div>
			<div><span class="k">&#34;e&#34;</span>: <span class="l">null</span></div>
		</div><div>}</div></details>`)
	if string(got) != want || cut {
		t.Errorf("cut %v, got\n%s\nwant\n%s", cut, got, want)
	}
}

func TestPrettyJSONIsBounded(t *testing.T) {
	for name, body := range map[string]string{
		"long":        `[` + strings.Repeat(`"x",`, 200_000) + `1]`,
		"deep":        strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"one string":  `["` + strings.Repeat("<", 900_000) + `"]`,
		"deep & wide": strings.Repeat("[", 100) + strings.Repeat("1,", 15_000) + "1" + strings.Repeat("]", 100),
	} {
		if !json.Valid([]byte(body)) {
			t.Fatalf("%s is not JSON", name)
		}
		got, _ := prettyJSON(json.RawMessage(body))
		if len(got) > 2*maxRendered {
			t.Errorf("%s: %d bytes of HTML", name, len(got))
		}
		checkClosed(t, string(got))
	}
	if _, cut := prettyJSON(json.RawMessage(`["` + strings.Repeat("x", maxShown) + `",` + strings.Repeat(" ", maxShown) + `1]`)); !cut {
		t.Error("does not say that it was cut")
	}
}

// checkClosed: also what was cut leaves no element open, which would swallow the
// rest of the page.
func checkClosed(t *testing.T, out string) {
	t.Helper()
	for _, tag := range []string{"div", "details", "summary", "span"} {
		if opened, closed := strings.Count(out, "<"+tag), strings.Count(out, "</"+tag+">"); opened != closed {
			t.Errorf("%d %s are opened and %d closed", opened, tag, closed)
		}
	}
}

func FuzzPrettyJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{"b":"</pre><script>"}],"c":{},"d":[]}`, `"\\\""`, `-1.5e+10`, ` [ null , true ] `, `"\u003c\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !json.Valid(b) || len(b) > maxShown || bytes.Contains(b, []byte{0}) {
			return
		}
		got, cut := prettyJSON(b)
		checkClosed(t, string(got))
		text := textOf(t, string(got))
		if cut {
			return
		}
		var want, have bytes.Buffer
		if err := json.Compact(&want, b); err != nil {
			t.Fatal(err)
		}
		if err := json.Compact(&have, []byte(text)); err != nil {
			t.Fatalf("%q is shown as %q: %v", b, text, err)
		}
		if want.String() != have.String() {
			t.Fatalf("%q is shown as %q", b, text)
		}
	})
}
