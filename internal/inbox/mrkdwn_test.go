package inbox

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMrkdwn(t *testing.T) {
	const link = `<a rel="noopener noreferrer nofollow" target="_blank" href="https://x.example/a?b=1&amp;c=2" title="https://x.example/a?b=1&amp;c=2">`
	for in, want := range map[string]string{
		"":                            "",
		"plain":                       "plain",
		"*bold* _it_ ~no~ `c`":        "<b>bold</b> <i>it</i> <s>no</s> <code>c</code>",
		"*bold _both_*":               "<b>bold <i>both</i></b>",
		"2*3*4 snake_case_name a~b~c": "2*3*4 snake_case_name a~b~c",
		"* not bold*":                 "* not bold*",
		"*not bold":                   "*not bold",
		"`*raw* &lt;b&gt;`":           "<code>*raw* &lt;b&gt;</code>",
		"```\n*raw*\n  x\n```":        "<pre>*raw*\n  x</pre>",
		"a\n```x```\nb":               "a<pre>x</pre>b",
		"one\ntwo":                    "one<br>two",
		"&gt; q1\n&gt; q2\nafter":     "<blockquote>q1<br>q2</blockquote>after",
		"before\n>q":                  "before<blockquote>q</blockquote>",
		"&lt;b&gt; &amp;amp; &quot;":  "&lt;b&gt; &amp;amp; &amp;quot;",
		"<b>x</b>":                    "&lt;b&gt;x&lt;/b&gt;",
		`"quoted" 'too'`:              `&#34;quoted&#34; &#39;too&#39;`,
		"<https://x.example/a?b=1&amp;c=2|l &lt;i&gt;>":    link + "l &lt;i&gt;</a>",
		"<https://x.example/a?b=1&amp;c=2>":                link + "https://x.example/a?b=1&amp;c=2</a>",
		"*<https://x.example/a?b=1&amp;c=2|bo*ld>*":        "<b>" + link + "bo*ld</a></b>",
		"<javascript:alert(1)|click>":                      "&lt;javascript:alert(1)|click&gt;",
		"<data:text/html,x>":                               "&lt;data:text/html,x&gt;",
		"<https://|x>":                                     "&lt;https://|x&gt;",
		`<https://x.example/"onmouseover=alert(1)|x>`:      `<a rel="noopener noreferrer nofollow" target="_blank" href="https://x.example/&#34;onmouseover=alert(1)" title="https://x.example/&#34;onmouseover=alert(1)">x</a>`,
		"<!channel> <!here> <@U12|dana> <#C1|ops> <@U12>":  `<span class="mention">@channel</span> <span class="mention">@here</span> <span class="mention">@dana</span> <span class="mention">#ops</span> <span class="mention">@U12</span>`,
		"<!subteam^S1|@sec>":                               `<span class="mention">@sec</span>`,
		"<!date^0^{date_num} {time_secs}|fall &amp; back>": `<time class="slack-date" datetime="1970-01-01T00:00:00Z" data-format="{date_num} {time_secs}" title="fall &amp; back">1970-01-01 00:00:00 UTC</time>`,
		"<!date^x^{date}|fallback>":                        "fallback",
		"<!date^99999999999999^{date}|fallback>":           "fallback",
		"<!date^0|fallback>":                               "fallback",
		"<!date^0^{date}^javascript:x|f>":                  `<time class="slack-date" datetime="1970-01-01T00:00:00Z" data-format="{date}" title="f">January 1, 1970</time>`,
		":fire: 12:30:45 :nope: :x:":                       "🔥 12:30:45 :nope: ❌",
		"<unclosed":                                        "&lt;unclosed",
		"<>":                                               "&lt;&gt;",
		"日本 *語* é_x_":                                      "日本 <b>語</b> é_x_",
	} {
		if got := string(mrkdwn(in)); got != want {
			t.Errorf("mrkdwn(%q)\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestPlainText(t *testing.T) {
	if got, want := string(plainText("*a* <!channel> <b> &amp; :fire:")), "*a* &lt;!channel&gt; &lt;b&gt; &amp; 🔥"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

var (
	tagPattern = regexp.MustCompile(`^<(/?)(b|i|s|code|pre|blockquote|br|span|a|time)(( (class|rel|target|href|title|datetime|data-format)="[^"<>]*")*)>`)
	hrefScheme = regexp.MustCompile(`^ ?.*href="(https?://|mailto:)`)
)

// checkHTML fails unless html is made of balanced tags of mrkdwn's own.
func checkHTML(t *testing.T, in, html string) {
	t.Helper()
	var open []string
	for s := html; ; {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			break
		}
		m := tagPattern.FindStringSubmatch(s[i:])
		if m == nil {
			t.Fatalf("%q became a tag of its own: %s", in, html)
		}
		if strings.Contains(m[3], "href=") && !hrefScheme.MatchString(m[3]) {
			t.Fatalf("%q became a link elsewhere: %s", in, html)
		}
		switch {
		case m[2] == "br":
		case m[1] == "":
			open = append(open, m[2])
		case len(open) == 0 || open[len(open)-1] != m[2]:
			t.Fatalf("%q closes %s that is not open: %s", in, m[2], html)
		default:
			open = slices.Delete(open, len(open)-1, len(open))
		}
		s = s[i+len(m[0]):]
	}
	if len(open) > 0 {
		t.Fatalf("%q leaves %v open: %s", in, open, html)
	}
}

func FuzzMrkdwn(f *testing.F) {
	for _, s := range []string{
		"*b* <https://x.example|l> `c` ```p``` &gt;q\n", "<!date^1^{date}^http://x|f>", "<@U|x> ~s~ _i_ :x:", "<javascript:1|x>", "*<*_>_`<`>",
		`<script>alert(1)</script>`, `<https://a/"><img src=x>`, "\xff*\xfe*", "&lt;img src=x onerror=alert(1)&gt;",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkHTML(t, s, string(mrkdwn(s)))
		checkHTML(t, s, string(plainText(s)))
	})
}

// A line of nothing but marks, which every mark looks ahead in, must not hold the page up.
func TestMrkdwnOfManyMarks(t *testing.T) {
	for _, s := range []string{"*a", "<", "<*", "`", "*_~`", "```", ":a", "*<a "} {
		start := time.Now()
		checkHTML(t, s, string(mrkdwn(strings.Repeat(s, 1_000_000/len(s)))))
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%q took %v", s, d)
		}
	}
}
