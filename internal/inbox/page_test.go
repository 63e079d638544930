package inbox

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// hostile are texts that would do something if they became HTML.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</pre></article><iframe src=//evil.example>`,
	`' onmouseover='alert(1)`, `{{.Version}}`, `</style><style>*{display:none}`, `<!--`, `javascript:alert(1)`,
}

var ownTags = regexp.MustCompile(`</?([a-zA-Z!][a-zA-Z0-9]*)`)

// hostileMail has a text wherever a mail has one.
func hostileMail(payload string) string {
	word := "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(payload)) + "?="
	return "From: " + word + " <a@example.com>\r\nTo: " + word + " <b@example.com>\r\nDate: Fri, 02 Jan 2026 03:04:05 +0000\r\n" +
		"Message-ID: <" + payload + "@example.com>\r\nReferences: <" + payload + ">\r\nX-Own: " + word + "\r\nSubject: " + word + "\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n" + payload +
		"\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>" + payload + "</p>\r\n--b\r\nContent-Type: application/x-own\r\n" +
		"Content-Disposition: attachment; filename*=utf-8''" + url.PathEscape(payload) + "\r\n\r\n" + payload + "\r\n--b--\r\n"
}

// The HTML of a mail is served for a frame alone, and can do nothing.
func TestMailHTML(t *testing.T) {
	s, post := serveMail(t, Config{})
	const evil = `<script>alert(1)</script><p>hello</p>`
	if err := send(post, alternative("hello", evil), "x@example.com"); err != nil {
		t.Fatal(err)
	}
	r := s.do("GET", "/mail/1", "", nil)
	if r.status != 200 || r.body != evil || r.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d %q %v", r.status, r.body, r.header)
	}
	policy := r.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "sandbox allow-same-origin;", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("Content-Security-Policy lacks %s: %s", want, policy)
		}
	}
	if strings.Contains(policy, "script") {
		t.Errorf("Content-Security-Policy: %s", policy)
	}
	page := s.do("GET", "/", "", nil).body
	for _, want := range []string{
		`<iframe class="mail" sandbox="allow-same-origin" loading="lazy" referrerpolicy="no-referrer" src="/mail/1"`,
		`<pre class="plain">hello</pre>`, `<dd><code>&lt;1@example.com&gt;</code></dd>`, `<dd><code>&lt;request-1@example.com&gt;</code></dd>`, `250 ok`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	s.post("/webhook/x", `{}`)
	if err := send(post, mailHeader+"\r\nno HTML\r\n", "x@example.com"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/mail/2", "/mail/3", "/mail/99", "/mail/x"} {
		if r := s.do("GET", path, "", nil); r.status != 404 {
			t.Errorf("GET %s = %d", path, r.status)
		}
	}
}

// The page of hostile messages has the same tags as the page of harmless ones.
func TestHostileTextStaysText(t *testing.T) {
	tags := func(payload string) (string, string) {
		s, post := serveMail(t, Config{})
		quoted, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		q := string(quoted)
		obj := func(kind string) string { return `{"type":"` + kind + `","text":` + q + `}` }
		// As the transports send it (escaped for Slack), and raw.
		esc, _ := json.Marshal(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(payload))
		s.post("/slack/x", `{"blocks":[{"type":"header","text":`+obj("plain_text")+`},{"type":"section","text":`+obj("mrkdwn")+`,"fields":[`+obj("mrkdwn")+`]},
			{"type":"section","text":{"type":"mrkdwn","text":`+string(esc)+`}},
			{"type":"context","elements":[`+obj("mrkdwn")+`,{"type":"image","image_url":`+q+`,"alt_text":`+q+`}]},{"type":`+q+`},
			{"type":"actions","elements":[{"type":"button","style":`+q+`,"url":`+q+`,"text":`+obj("plain_text")+`},{"type":`+q+`}]}]}`)
		s.post("/slack/y", `{"text":`+q+`}`)
		s.post("/webhook/x", `{"type":`+q+`,"data":{`+q+`:`+q+`}}`)
		s.post("/webhook/x", payload)
		s.do("POST", "/webhook/x", "{}", map[string]string{"X-Hostile": payload, "webhook-signature": payload})
		r := s.do("POST", "/webhook/"+strings.NewReplacer("<", "%3C", ">", "%3E", `"`, "%22", "'", "%27", " ", "%20", "/", "%2F", "{", "%7B", "}", "%7D").Replace(payload), "{}", nil)
		if r.status != 204 {
			t.Fatalf("hostile path: %d", r.status)
		}
		s.do("POST", "/fail?path=/webhook/%22%3E%3Cscript%3E", "", nil)
		publish(s, "/sns/x", "Message", payload, "Subject", payload, "TopicArn", payload, "MessageGroupId", payload,
			"MessageAttributes.entry.1.Name", payload, "MessageAttributes.entry.1.Value.DataType", payload, "MessageAttributes.entry.1.Value.StringValue", payload)
		publish(s, "/sns/x", "Message", `{"type":`+q+`}`)
		if err := send(post, hostileMail(payload), "x@example.com"); code(err) != 0 && code(err) != 550 {
			t.Fatal(err)
		}
		page := s.do("GET", "/", "", nil).body
		var names []string
		for _, m := range ownTags.FindAllStringSubmatch(page, -1) {
			switch m[1] {
			case "span": // mrkdwn and JSON colour differ with the text
			default:
				names = append(names, m[0])
			}
		}
		return strings.Join(names, " "), page
	}
	want, _ := tags("harmless")
	for _, p := range hostile {
		got, page := tags(p)
		if got != want {
			i := 0
			for i < min(len(got), len(want)) && got[i] == want[i] {
				i++
			}
			t.Errorf("%s: other tags on the page, from here on:\n got %.300s\nwant %.300s", p, got[i:], want[i:])
		}
		if strings.ContainsAny(p, "<>\"'") && strings.Contains(page, p) {
			t.Errorf("%s stands on the page as it came", p)
		}
		if !strings.Contains(html.UnescapeString(page), p) {
			t.Errorf("%s does not stand on the page at all", p)
		}
		if strings.Contains(page, `href="javascript:`) {
			t.Errorf("%s became a link", p)
		}
	}
}

func TestPageShows(t *testing.T) {
	s := serve(t, Config{Keep: 500, Links: []Link{{"Dashboard", "http://127.0.0.1:8082/"}, {"Bad", "javascript:alert(1)"}}})
	s.post("/slack/security", `{"blocks":[{"type":"header","text":{"type":"plain_text","text":"Break glass"}},
		{"type":"section","fields":[{"type":"mrkdwn","text":"*Who*\nDana"}]},{"type":"divider"},
		{"type":"context","elements":[{"type":"mrkdwn","text":"<!date^1700000000^{date_num}|f>"}]}]}`)
	s.post("/slack/security", `{"blocks":[{"type":"header"}]}`)
	s.post("/webhook/siem", `{"type":"grant.active","n":1.50}`)
	page := s.do("GET", "/", "", nil).body
	for _, want := range []string{
		`<h2 class="header">Break glass</h2>`, `<b>Who</b><br>Dana`, `<hr>`, `>2023-11-14</time>`,
		`blocks[0].text: missing`, `invalid_blocks`,
		`<b class="title">grant.active</b>`, `<span class="n">1.50</span>`, `not signed`,
		`<a href="http://127.0.0.1:8082/">Dashboard</a>`, `<a href="#ZgotmplZ">Bad</a>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Index(page, `id="m3"`) > strings.Index(page, `id="m1"`) {
		t.Error("the newest is not first")
	}

	for i := range 320 {
		s.post("/webhook/many", fmt.Sprint(i))
	}
	page = s.do("GET", "/", "", nil).body
	if n := strings.Count(page, "<article"); n != firstPage || !strings.Contains(page, "Show 23 older") {
		t.Errorf("%d messages on the first page", n)
	}
	if n := strings.Count(s.do("GET", "/?all", "", nil).body, "<article"); n != 323 {
		t.Errorf("%d messages on the whole page", n)
	}
}

func TestNothingFromElsewhere(t *testing.T) {
	s := serve(t, Config{})
	r := s.do("GET", "/", "", nil)
	csp := r.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("Content-Security-Policy lacks %s: %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("Content-Security-Policy: %s", csp)
	}
	if regexp.MustCompile(`(?i)<script>|<style|\son\w+=|style="`).MatchString(r.body) {
		t.Error("inline script or style on the page: the policy blocks it")
	}
	files := regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllStringSubmatch(r.body, -1)
	if len(files) < 3 {
		t.Fatalf("files of the page: %v", files)
	}
	for _, f := range files {
		a := s.do("GET", f[1], "", nil)
		if a.status != 200 || a.header.Get("Content-Type") == "" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", f[1], a.status, a.header)
		}
		if regexp.MustCompile(`https?://`).MatchString(strings.ReplaceAll(a.body, "http://www.w3.org/2000/svg", "")) {
			t.Errorf("%s names another site", f[1])
		}
	}
	for _, p := range []string{"/assets/page.html", "/assets/nope.css", "/assets/..%2finbox.go", "/nope"} {
		if a := s.do("GET", p, "", nil); a.status != 404 {
			t.Errorf("GET %s = %d", p, a.status)
		}
	}
}
