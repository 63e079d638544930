package slack

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/event"
)

var update = flag.Bool("update", false, "write the expected halves of the goldens anew")

const dashes = "\n---\n"

// Each file of testdata/golden is a canonical event, a line of dashes, and the
// message that is made of it.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "golden", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[event.Type]bool{}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			in, want, ok := strings.Cut(string(file), dashes)
			if !ok {
				t.Fatal("no line of dashes")
			}
			ev := &event.Event{}
			if err := json.Unmarshal([]byte(in), ev); err != nil {
				t.Fatal(err)
			}
			seen[ev.Type] = true
			body, err := render(ev)
			if err != nil {
				t.Fatal(err)
			}
			checkMessage(t, body)
			var got bytes.Buffer
			if err := json.Indent(&got, body, "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			if *update {
				if err := os.WriteFile(path, []byte(in+dashes+got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got.String() != want {
				t.Errorf("got %s\nwant %s", got.String(), want)
			}
		})
	}
	for _, typ := range event.Types() {
		if !seen[typ] {
			t.Errorf("no golden of %s", typ)
		}
	}
}

func TestEveryTypeWithoutFacts(t *testing.T) {
	for _, typ := range event.Types() {
		body, err := render(&event.Event{ID: "evt_1", Type: typ})
		if err != nil {
			t.Fatal(err)
		}
		checkMessage(t, body)
	}
	body, err := render(&event.Event{ID: "evt_1", Type: "grant.<!channel>"})
	if err != nil {
		t.Fatal(err)
	}
	checkMessage(t, body)
}

// full is an event with s in every text and n of every list.
func full(typ event.Type, s string, n int) *event.Event {
	person := &event.Person{ID: s, Name: s, Email: s}
	at := time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC)
	raw, err := json.Marshal(map[string]string{"raw": s})
	if err != nil {
		panic(err)
	}
	ev := &event.Event{
		ID: s, Type: typ, TenantID: s, Source: s, Platform: s, PlatformEvent: s, OccurredAt: at, ReceivedAt: at,
		Request:   &event.Request{ID: s, DisplayID: s, Reason: s, URL: "https://example.com/?q=" + s},
		Requester: person, Grantee: &event.Person{Name: s + "2", Email: s},
		Window: &event.Window{StartsAt: at, EndsAt: at},
		Error:  &event.Failure{ID: s, Type: s, Message: s},
		Raw:    raw,
	}
	for range n {
		ev.Access = append(ev.Access, event.Access{
			Integration: &event.Integration{ID: s, Name: s, Type: s},
			Resource:    &event.Resource{ID: s, Name: s, Path: s, Type: s},
			Permission:  &event.Permission{ID: s, Name: s, Description: s},
		})
		for _, status := range []string{s, "approved", "denied"} {
			ev.Approvals = append(ev.Approvals, event.Approval{Name: s, Type: s, Status: status, Approver: person, Comment: s})
		}
	}
	return ev
}

func TestHostileTextKeepsEveryLimit(t *testing.T) {
	seeds := []string{
		"<", "&", ">", `"`, `\`, "\n", "\r\n", "`", "*", "@", "@channel ", "a@b ", "<!channel>", "<!here|x>", "<@U012AB3CD>", "&lt;!everyone&gt;",
		"<https://evil.example|https://good.example>", "&amp;", "```", "> ", "\u2028", "\x00", "\x1b[31m", "\xff\xfe", "\u202e", "\u2066", "\ufeff", "\u200d",
		"Ж", "漢字", "العربية ", "עברית ", "हिन्दी ", "ไทย", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "e\u0301\u0302\u0303", "𝔘𝔫𝔦", "a ", "word ", "long-word-without-a-blank",
		"Reason\n*Approvals*\n• Approved\n", " ", "\t",
	}
	const size = 50_000
	types := []event.Type{event.RequestApproved, event.Unrecognized, event.GrantExpiringSoon, event.ChannelDisabled, ""}
	for i, seed := range seeds {
		s := strings.Repeat(seed, size/len(seed)+1)[:size] // may end inside a rune: so may a sender's
		for n, typ := range map[int]event.Type{1: event.Unrecognized, 12: types[i%len(types)]} {
			body, err := render(full(typ, s, n))
			if err != nil {
				t.Fatal(err)
			}
			checkMessage(t, body)
			if t.Failed() {
				t.Fatalf("with %q in every text of %s, %d times", seed, typ, n)
			}
		}
	}
}

func TestTruncationShows(t *testing.T) {
	long := strings.Repeat("word ", 10_000)
	body, err := render(full(event.Unrecognized, long, 12))
	if err != nil {
		t.Fatal(err)
	}
	// Reason, error, both lists and the payload.
	if n := strings.Count(string(body), "… truncated"); n != 5 {
		t.Errorf("%d places say truncated, want 5: %s", n, body)
	}
	i := strings.Index(string(body), "```")
	if raw := strings.LastIndex(string(body), "```") - i; raw < 1000 {
		t.Errorf("%d characters left for the payload, want at least 1000", raw)
	}
	body, err = render(full(event.GrantActive, "short", 2))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(body), "…") {
		t.Errorf("truncated without need: %s", body)
	}
}

func TestSameEventSameBytes(t *testing.T) {
	ev := full(event.RequestFailed, "x", 3)
	first, err := render(ev)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if again, err := render(ev); err != nil || !bytes.Equal(first, again) {
			t.Fatalf("%s, %v; want %s", again, err, first)
		}
	}
}

func TestButton(t *testing.T) {
	tests := []struct{ in, want string }{
		{"https://app.example/r/1?x=1&y=2", "https://app.example/r/1?x=1&y=2"},
		{"https://app.example/ü", "https://app.example/%C3%BC"},
		{"http://app.example/", ""},
		{"javascript:alert(1)", ""},
		{"https:///x", ""},
		{"https://good.example@evil.example/", ""},
		{"//app.example/", ""},
		{"https://app.example/\nx", ""},
		{`https://app.example/"`, "https://app.example/%22"},
		{"https://app.example/<!channel>", "https://app.example/%3C%21channel%3E"},
		{"https://app.example/" + strings.Repeat("a", 1000), ""},
		{"https://app.example/" + strings.Repeat("ü", 400), ""},
		{"", ""},
	}
	for _, tt := range tests {
		got := ""
		if bs := link(&event.Event{Request: &event.Request{URL: tt.in}}); len(bs) > 0 {
			got = bs[0].Elements[0].(button).URL
		}
		if got != tt.want {
			t.Errorf("link(%.60q) = %q, want %q", tt.in, got, tt.want)
		}
	}
	if link(&event.Event{}) != nil {
		t.Error("a button without a request")
	}
}

// A payload costs what the message shows of it, however deep or long it is. The
// blanks of a whole one that is indented would be gigabytes.
func TestPayloadIsBounded(t *testing.T) {
	const allowed = 4 << 20
	for name, raw := range map[string]string{
		"deep":                   strings.Repeat("[", 9_890) + strings.Repeat("]", 9_890),
		"deep objects":           strings.Repeat(`{"a":`, 9_890) + "1" + strings.Repeat("}", 9_890),
		"siblings at the bottom": strings.Repeat("[", 2_000) + strings.Repeat("1,", 48_000) + "1" + strings.Repeat("]", 2_000),
		"deep and 1 MiB":         strings.Repeat("[", 9_890) + strings.Repeat("1,", 510_000) + "1" + strings.Repeat("]", 9_890),
	} {
		if !json.Valid([]byte(raw)) {
			t.Fatalf("%s is not JSON", name)
		}
		ev := &event.Event{ID: "evt_1", Type: event.Unrecognized, Platform: "permit", Raw: json.RawMessage(raw)}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		body, err := render(ev)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > allowed {
			t.Errorf("%s: the message costs %d bytes of memory", name, n)
		}
		checkMessage(t, body)
		if !strings.Contains(string(body), truncated) {
			t.Errorf("%s: the message does not say that the payload is cut", name)
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add("request.pending", "<!channel>", "a@b", int64(1768469400))
	f.Add("unrecognized", "```\n> x", "\xff\u202e", int64(-1))
	f.Add("", "", "", int64(1<<60))
	f.Fuzz(func(t *testing.T, typ, s, u string, sec int64) {
		ev := full(event.Type(typ), s, len(u)%4)
		ev.Request.URL = u
		ev.Grantee.Name = u
		ev.Window.EndsAt = time.Unix(sec, 0)
		body, err := render(ev)
		if err != nil {
			t.Fatal(err)
		}
		checkMessage(t, body)
	})
}

func TestFallbackNamesNoMarkup(t *testing.T) {
	ev := full(event.GrantActive, "x", 1)
	body, err := render(ev)
	if err != nil {
		t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(m.Text, "*<") {
		t.Errorf("the fallback has markup: %s", m.Text)
	}
	if !slices.ContainsFunc(m.Blocks, func(b block) bool { return b.Type == "actions" }) {
		t.Error("no button")
	}
}
