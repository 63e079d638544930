package email

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/mail"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // of encoded words
	gomail "github.com/emersion/go-message/mail"

	"accessrelay/internal/channel"
	config "accessrelay/internal/channel/email"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

var update = flag.Bool("update", false, "write the expected halves of the goldens anew")

const dashes = "\n---\n"

func testConfig(t *testing.T, more map[string]any) *config.Config {
	t.Helper()
	o := map[string]any{
		"smtp_host": "smtp.example.com", "from_address": "Access relay <relay@example.com>",
		"to_addresses": []string{"security@example.com", "oncall@example.com"},
	}
	for key, value := range more {
		o[key] = value
	}
	return parse(t, o)
}

func composed(t *testing.T, c *config.Config, ev *event.Event) []byte {
	t.Helper()
	raw, err := compose("6f0d9a52-0a53-4c8e-9a39-0c8f2d8d7f10", c, ev)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// received is a mail as a reader that is not its writer has it.
type received struct {
	header     gomail.Header
	text, html string
}

func opened(t *testing.T, raw []byte) received {
	t.Helper()
	entity, err := message.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("not a mail: %v\n%s", err, raw)
	}
	r := received{header: gomail.Header{Header: entity.Header}}
	parts := entity.MultipartReader()
	if parts == nil {
		t.Fatalf("it has no parts: %s", raw)
	}
	for _, want := range []struct {
		kind string
		into *string
	}{{"text/plain", &r.text}, {"text/html", &r.html}} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		kind, params, err := part.Header.ContentType()
		if err != nil || kind != want.kind || !strings.EqualFold(params["charset"], "utf-8") {
			t.Fatalf("a part is %s of %s, %v; want %s", kind, params, err, want.kind)
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			t.Fatal(err)
		}
		*want.into = strings.ReplaceAll(string(body), "\r\n", "\n")
	}
	if _, err := parts.NextPart(); err != io.EOF { //nolint:errorlint // as it is documented
		t.Errorf("there are more parts: %v", err)
	}
	return r
}

// readEvent reads what stands before the dashes of a golden.
func readEvent(t *testing.T, path string) (ev *event.Event, in, want string) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in, want, ok := strings.Cut(string(file), dashes)
	if !ok {
		t.Fatal("no line of dashes")
	}
	ev = &event.Event{}
	if err := json.Unmarshal([]byte(in), ev); err != nil {
		t.Fatal(err)
	}
	return ev, in, want
}

// Each file of testdata/golden is a canonical event, a line of dashes, and the
// mail that is made of it: its header, its text, and its HTML from <body> on.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "golden", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[event.Type]bool{}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			ev, in, want := readEvent(t, path)
			seen[ev.Type] = true
			raw := composed(t, testConfig(t, nil), ev)
			checkMail(t, raw)
			r := opened(t, raw)
			header, _, _ := strings.Cut(string(raw), "\r\n\r\n")
			header, _, _ = strings.Cut(strings.ReplaceAll(header, "\r\n", "\n"), "\nContent-Type:")
			_, html, ok := strings.Cut(r.html, "</head>\n")
			if !ok {
				t.Error("the HTML has no head")
			}
			got := header + dashes + r.text + dashes[1:] + html
			if *update {
				if err := os.WriteFile(path, []byte(in+dashes+got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
	}
	for _, typ := range event.Types() {
		if !seen[typ] {
			t.Errorf("no golden of %s", typ)
		}
	}
}

const maxMail = 300 << 10

// checkMail fails t unless raw is a mail that every server takes and every
// reader reads in one way, whatever the event says.
func checkMail(t *testing.T, raw []byte) {
	t.Helper()
	if len(raw) > maxMail {
		t.Errorf("the mail has %d bytes", len(raw))
	}
	for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n\x00") || bytes.ContainsFunc(line, func(r rune) bool { return r > unicode.MaxASCII }) {
			t.Errorf("a line that SMTP does not take: %.120q", line)
			break
		}
	}
	r := opened(t, raw)
	count := map[string]int{}
	for f := r.header.Fields(); f.Next(); {
		count[f.Key()]++
	}
	for _, name := range []string{"From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type", "Auto-Submitted", "X-Accessrelay-Event-Id", "X-Accessrelay-Event-Type", "X-Auto-Response-Suppress"} {
		if count[name] != 1 {
			t.Errorf("%s is there %d times", name, count[name])
		}
		delete(count, name)
	}
	delete(count, "References")
	delete(count, "In-Reply-To")
	if len(count) > 0 {
		t.Errorf("there are headers that nobody has put there: %v", count)
	}
	subject, err := r.header.Subject()
	if err != nil || subject == "" || utf8.RuneCountInString(subject) > 160 || strings.ContainsFunc(subject, hidden) || strings.Contains(subject, "=?") {
		t.Errorf("subject %q, %v", subject, err)
	}
	for _, body := range []string{r.text, r.html} {
		if !utf8.ValidString(body) || strings.ContainsFunc(strings.ReplaceAll(body, "\n", ""), hidden) {
			t.Errorf("a part is no UTF-8 or has what does not show: %.200q", body)
		}
	}
	checkHTML(t, r.html)
}

func hidden(r rune) bool {
	return unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u2028'
}

// checkHTML fails t if html has an element or attribute that the template has
// not, or refers to anything but the request.
func checkHTML(t *testing.T, html string) {
	t.Helper()
	allowed := map[string]bool{
		"!doctype": true, "html": true, "head": true, "meta": true, "title": true, "style": true, "body": true, "table": true, "tr": true,
		"td": true, "h1": true, "p": true, "span": true, "ul": true, "li": true, "blockquote": true, "br": true, "pre": true, "a": true,
	}
	for i, piece := range strings.Split(html, "<") {
		if i == 0 {
			continue
		}
		tag, text, closed := strings.Cut(piece, ">")
		name, attributes, _ := strings.Cut(strings.TrimPrefix(tag, "/"), " ")
		if !closed || !allowed[name] || strings.Contains(text, ">") {
			t.Errorf("an element that is not the template's: <%.100s", piece)
			return
		}
		for _, never := range []string{"onclick", "onerror", "src=", "url(", "javascript:", "expression"} {
			if strings.Contains(strings.ToLower(attributes), never) && name != "a" {
				t.Errorf("an attribute that is not the template's: <%.200s", piece)
			}
		}
		if _, href, ok := strings.Cut(attributes, `href="`); ok && !strings.HasPrefix(href, "https://") && !strings.HasPrefix(href, "http://") {
			t.Errorf("a link to %.80q", href)
		}
	}
}

// full is an event with s in every text and n of every list.
func full(t *testing.T, typ event.Type, s string, n int) *event.Event {
	t.Helper()
	raw, err := json.Marshal(map[string]string{"raw": s})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC)
	person := &event.Person{ID: s, Name: s, Email: s}
	ev := &event.Event{
		ID: s, Type: typ, TenantID: s, Source: s, Platform: s, PlatformEvent: s, OccurredAt: at, ReceivedAt: at,
		Request:   &event.Request{ID: s, DisplayID: s, Reason: s, URL: "https://example.com/?q=" + s},
		Requester: person, Grantee: &event.Person{Name: s + "2", Email: s},
		Window: &event.Window{StartsAt: at, EndsAt: at}, Error: &event.Failure{ID: s, Type: s, Message: s}, Raw: raw,
	}
	for range n {
		ev.Access = append(ev.Access, event.Access{
			Integration: &event.Integration{ID: s, Name: s, Type: s}, Resource: &event.Resource{ID: s, Name: s, Path: s, Type: s},
			Permission: &event.Permission{ID: s, Name: s, Description: s},
		})
		ev.Approvals = append(ev.Approvals, event.Approval{Name: s, Type: s, Status: s, Approver: person, Comment: s})
	}
	return ev
}

func TestHostileText(t *testing.T) {
	seeds := []string{
		"\r\nBcc: canary@example.com\r\n", "\nSubject: x", "\r", "\x00", "\x1b[31m", "\x7f", "\u0085", "\u2028", "\xff\xfe", "\u202e", "\u2066", "\ufeff",
		"\r\n.\r\nMAIL FROM:<x>\r\n", ".", ".\r\n", "From ", "--", "=?utf-8?q?=0D=0ABcc:_x?=", "=?utf-8?b?DQpCY2M6IHg=?=", "=?", "?=", "=0D=0A",
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</title><style>", "<!--", "-->", "]]>", "&lt;", "&", "'", `"`, "`", "{{.}}", "</style>",
		"Ж", "漢字", "العربية ", "עברית ", "हिन्दी ", "ไทย", "👩‍👩‍👧‍👦", "e\u0301\u0302", "𝔘𝔫𝔦", "a ", "word ", "long-word-without-a-blank", " ", "\t",
	}
	const size = 50_000
	types := append(event.Types(), "", "grant.\r\nX: y")
	c := testConfig(t, map[string]any{"subject_template": "[{{platform}}] {{request.reason}}"})
	for i, seed := range seeds {
		s := strings.Repeat(seed, size/len(seed)+1)[:size] // may end inside a rune: so may a sender's
		for n, typ := range map[int]event.Type{1: event.Unrecognized, 12: types[i%len(types)]} {
			checkMail(t, composed(t, c, full(t, typ, s, n)))
			checkMail(t, composed(t, testConfig(t, nil), full(t, typ, seed, n)))
			if t.Failed() {
				t.Fatalf("with %q in every text of %s, %d times", seed, typ, n)
			}
		}
	}
}

// Letters of two scripts are worth twelve bytes each on the wire. Even so a mail
// stays below what mail programs clip.
func TestSize(t *testing.T) {
	for _, s := range []string{"word ", "漢", "𝔘", "'"} {
		raw := composed(t, testConfig(t, nil), full(t, event.Unrecognized, strings.Repeat(s, 50_000), 1000))
		r := opened(t, raw)
		const clipped = 102 << 10
		if len(r.html) > clipped || len(raw) > maxMail {
			t.Errorf("%s: %d bytes of HTML, %d in all", s, len(r.html), len(raw))
		}
		if n := strings.Count(r.text, truncated); n < 4 { // reason, error, both lists, payload
			t.Errorf("%s: %d places say that they are cut", s, n)
		}
	}
}

// A payload costs what the mail shows of it, however deep or long it is. The
// blanks of a whole one that is indented would be gigabytes.
func TestPayloadIsBounded(t *testing.T) {
	const allowed = 4 << 20
	c := testConfig(t, nil)
	for name, payload := range map[string]string{
		"deep":                   strings.Repeat("[", 9_890) + strings.Repeat("]", 9_890),
		"deep objects":           strings.Repeat(`{"a":`, 9_890) + "1" + strings.Repeat("}", 9_890),
		"siblings at the bottom": strings.Repeat("[", 2_000) + strings.Repeat("1,", 48_000) + "1" + strings.Repeat("]", 2_000),
		"deep and 1 MiB":         strings.Repeat("[", 9_890) + strings.Repeat("1,", 510_000) + "1" + strings.Repeat("]", 9_890),
	} {
		if !json.Valid([]byte(payload)) {
			t.Fatalf("%s is not JSON", name)
		}
		ev := &event.Event{ID: "evt_1", Type: event.Unrecognized, Platform: "permit", Raw: json.RawMessage(payload)}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		raw := composed(t, c, ev)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > allowed {
			t.Errorf("%s: the mail costs %d bytes of memory", name, n)
		}
		checkMail(t, raw)
		if r := opened(t, raw); !strings.Contains(r.text, truncated) || !strings.Contains(r.html, truncated) {
			t.Errorf("%s: the mail does not say that the payload is cut", name)
		}
	}
}

func TestSameEventSameBytes(t *testing.T) {
	ev := full(t, event.RequestFailed, "x", 3)
	first := composed(t, testConfig(t, nil), ev)
	for range 20 {
		if again := composed(t, testConfig(t, nil), ev); !bytes.Equal(first, again) {
			t.Fatalf("%s\n%s", first, again)
		}
	}
}

func TestIDs(t *testing.T) {
	get := func(channelID string, ev *event.Event) (id, thread string) {
		raw, err := compose(channelID, testConfig(t, nil), ev)
		if err != nil {
			t.Fatal(err)
		}
		h := opened(t, raw).header
		id, err = h.MessageID()
		if err != nil {
			t.Fatal(err)
		}
		references, err := h.MsgIDList("References")
		if err != nil {
			t.Fatal(err)
		}
		replies, err := h.MsgIDList("In-Reply-To")
		if err != nil || fmt.Sprint(replies) != fmt.Sprint(references) {
			t.Errorf("In-Reply-To %v, References %v, %v", replies, references, err)
		}
		return id, strings.Join(references, " ")
	}
	ev := func(id, tenant, source, request string) *event.Event {
		e := &event.Event{ID: id, TenantID: tenant, Source: source, Type: event.RequestPending, ReceivedAt: time.Unix(1768469400, 0)}
		if request != "" {
			e.Request = &event.Request{ID: request}
		}
		return e
	}
	id, thread := get("c1", ev("evt_1", "t", "s", "r"))
	if !strings.HasPrefix(id, "evt_1.") || !strings.HasSuffix(id, "@example.com") || !strings.HasSuffix(thread, "@example.com") {
		t.Errorf("Message-ID %s, References %s", id, thread)
	}
	if again, _ := get("c1", ev("evt_1", "t", "s", "r")); again != id {
		t.Errorf("the Message-ID was %s and is %s", id, again)
	}
	if other, _ := get("c2", ev("evt_1", "t", "s", "r")); other == id {
		t.Error("two channels' mails have one Message-ID")
	}
	for name, other := range map[string]*event.Event{
		"tenant": ev("evt_2", "u", "s", "r"), "source": ev("evt_2", "t", "q", "r"), "request": ev("evt_2", "t", "s", "q"),
		"place of the same letters": ev("evt_2", "ts", "", "r"), "nothing": ev("evt_2", "t", "s", ""),
	} {
		otherID, otherThread := get("c1", other)
		if otherID == id || otherThread == thread {
			t.Errorf("another %s: Message-ID %s, References %s", name, otherID, otherThread)
		}
		if other.Request == nil && otherThread != "" {
			t.Errorf("an event of no request refers to %s", otherThread)
		}
	}
	later := ev("evt_2", "t", "s", "r")
	later.Type = event.GrantActive
	if _, same := get("c1", later); same != thread {
		t.Errorf("two events of one request refer to %s and %s", thread, same)
	}
	if hostile, _ := get("c1", ev("a b\r\n<x>@y", "t", "s", "r")); strings.ContainsAny(hostile, " \r\n<>") || strings.Count(hostile, "@") != 1 {
		t.Errorf("Message-ID %q", hostile)
	}
}

func TestDate(t *testing.T) {
	received := time.Date(2026, 1, 15, 9, 30, 0, 999, time.UTC)
	for _, tt := range []struct{ occurred, want time.Time }{
		{time.Time{}, received},
		{received.Add(-time.Minute), received.Add(-time.Minute)},
		{received.Add(-6 * 24 * time.Hour), received.Add(-6 * 24 * time.Hour)},
		{received.Add(-8 * 24 * time.Hour), received}, // sent again, long after
		{received.Add(59 * time.Minute), received.Add(59 * time.Minute)},
		{received.Add(2 * time.Hour), received},
		{time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), received}, // would stay on top of the mailbox
		{time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC), received},
	} {
		ev := &event.Event{ID: "evt_1", Type: event.Test, ReceivedAt: received, OccurredAt: tt.occurred}
		h := opened(t, composed(t, testConfig(t, nil), ev)).header
		got, err := h.Date()
		if err != nil || !got.Equal(tt.want.Truncate(time.Second)) {
			t.Errorf("occurred %v: Date %v, %v; want %v", tt.occurred, got, err, tt.want)
		}
	}
}

func TestSubject(t *testing.T) {
	ev := &event.Event{
		ID: "evt_1", Type: event.GrantActive, Platform: "p0", ReceivedAt: time.Unix(1768469400, 0),
		Grantee: &event.Person{Name: "Zoë 漢 =?utf-8?q?x?="}, Request: &event.Request{Reason: "a\r\nBcc: b\tc"},
	}
	for template, want := range map[string]string{
		"":                                 "Access granted: Zoë 漢 = ?utf-8?q?x?= now has access.",
		"[{{platform}}] {{type}}":          "[p0] grant.active",
		"{{request.reason}}":               "a Bcc: b c",
		"{{request.url}} ":                 "Access granted: Zoë 漢 = ?utf-8?q?x?= now has access.", // comes to nothing
		"{{grantee.name}}":                 "Zoë 漢 = ?utf-8?q?x?=",
		strings.Repeat("{{platform}}", 90): strings.Repeat("p0", 74) + "p…",
	} {
		more := map[string]any{}
		if template != "" {
			more["subject_template"] = template
		}
		h := opened(t, composed(t, testConfig(t, more), ev)).header
		if got, err := h.Subject(); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", template, got, err, want)
		}
	}
}

// What the samples cannot foresee hangs on the event: the error is for who wrote
// the template, and nothing of the event is in it. No server is needed for it.
func TestSubjectUnrenderable(t *testing.T) {
	raw, err := json.Marshal(map[string]any{"list": slices.Repeat([]string{"canary"}, 300_000), "canary": "canary"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ template, raw, want string }{
		{"[{{platform}}]\n{{#each raw.list}}{{this}}{{/each}}", string(raw), "subject_template: line 2: for this event the template causes more work than is allowed"},
		{"{{json raw}}", `{"canary":canary}`, "subject_template: line 1: the event's payload is not JSON"},
	} {
		ev := full(t, event.RequestPending, "canary", 3)
		ev.Raw = json.RawMessage(tt.raw)
		ch := &channel.Channel{Config: testConfig(t, map[string]any{"subject_template": tt.template})}
		before := []event.Recipient{{Address: "security@example.com", State: event.StateDelivered}}
		after, err := New(transport.Guards{}).Send(t.Context(), transport.Attempt{Channel: ch, Event: ev, Recipients: before})
		se := transport.AsSendError(err)
		if se.Reason != transport.ReasonRender || se.Class != transport.Dead || !se.NoAttempt ||
			strings.Contains(se.Error(), "canary") || !strings.Contains(se.Error(), tt.want) {
			t.Errorf("%v, %+v; want %s", err, se, tt.want)
		}
		if !reflect.DeepEqual(after, before) {
			t.Errorf("recipients %+v, were %+v", after, before)
		}
	}
}

func TestAddresses(t *testing.T) {
	c := testConfig(t, map[string]any{"from_address": `"Zugänge, \"alle\"" <relay@example.com>`, "to_addresses": longList()})
	raw := composed(t, c, full(t, event.GrantActive, "x", 1))
	checkMail(t, raw)
	h := opened(t, raw).header
	from, err := h.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Name != `Zugänge, "alle"` || from[0].Address != "relay@example.com" {
		t.Errorf("From %v, %v", from, err)
	}
	to, err := h.AddressList("To")
	if err != nil || len(to) != config.MaxRecipients {
		t.Fatalf("To %v, %v", to, err)
	}
	for i, a := range to {
		if a.Address != longList()[i] || a.Name != "" {
			t.Errorf("To has %v", a)
		}
	}
	// The standard library reads the same.
	if m, err := mail.ReadMessage(bytes.NewReader(raw)); err != nil {
		t.Error(err)
	} else if list, err := m.Header.AddressList("To"); err != nil || len(list) != config.MaxRecipients {
		t.Errorf("To %v, %v", list, err)
	}
}

func longList() []string {
	var out []string
	for i := range config.MaxRecipients {
		out = append(out, fmt.Sprintf("%s%d@%s.example.com", strings.Repeat("a", 50), i, strings.Repeat("b", 60)))
	}
	return out
}

func FuzzCompose(f *testing.F) {
	f.Add("request.pending", "a\r\nBcc: b", "https://example.com/<x>", int64(1768469400))
	f.Add("unrecognized", "=?utf-8?q?x?=", "javascript:alert(1)", int64(-1))
	f.Add("", "\r\n.\r\n", "http://a b/?c d", int64(1<<36))
	f.Fuzz(func(t *testing.T, typ, s, u string, sec int64) {
		ev := full(t, event.Type(typ), s, len(u)%4)
		ev.Request.URL = u
		ev.Grantee.Name = u
		ev.OccurredAt = time.Unix(sec, 0)
		checkMail(t, composed(t, testConfig(t, map[string]any{"subject_template": "{{request.reason}} {{grantee.name}}"}), ev))
	})
}
