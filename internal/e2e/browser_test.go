package e2e

import (
	"fmt"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"accessrelay/internal/demo"
)

// screenshotsTo is the folder that the screenshots go to: `make screenshots` sets it
// to docs/images. Without it they are the test's artifacts (go test -artifacts).
const screenshotsTo = "ACCESSRELAY_SCREENSHOTS"

// TestInboxInABrowser starts the whole relay, opens the inbox in a real browser and
// clicks through what the samples became: a Slack message, a mail, a webhook and a
// message to a topic, at a desk's width and at a phone's.
func TestInboxInABrowser(t *testing.T) {
	t.Parallel()
	dev := startDev(t)
	tab := openTab(t, dev.inbox, 1120, 700)
	tab.await(`document.querySelector('#live').dataset.state === 'live'`)

	slack := tab.find("/slack/demo", "Break-glass access")
	tab.open(slack)
	tab.sees(slack+" .slackmsg h2.header", "Break-glass access")
	tab.sees(slack+" .slackmsg .fields", "Requested by")
	tab.sees(slack+" .badges", "200 ok")
	tab.screenshot("inbox-slack.png")

	mail := tab.find("/email/demo", "Break-glass access")
	tab.open(mail)
	tab.readsMail(mail, "without waiting for approval")
	tab.sees(mail+" .facts", "demo@example.com")
	tab.screenshot("inbox-email.png")
	tab.click(mail + ` [data-tab="text"]`)
	tab.sees(mail+" pre.plain", "without waiting for approval")
	tab.hidden(mail + " iframe.mail")
	tab.click(mail + ` [data-tab="source"]`)
	tab.sees(mail+` [data-pane="source"]`, "Content-Type: multipart/alternative")
	dev.publish(t, `{"type":"grant.active","data":{"request":{"id":"req-1","url":"https://access.example.com/requests/1"}}}`)
	tab.await(`[...document.querySelectorAll('[data-path="/email/demo"]')].some((m) => m.textContent.includes('access.example.com'))`) // without a reload
	tab.linkLeadsNowhere(tab.find("/email/demo", "access.example.com"))

	webhook := tab.find("/webhook/demo", "request.break_glass")
	tab.open(webhook)
	tab.sees(webhook+" .badges", "✓ signature verified")
	tab.sees(webhook+" .json", `"platform_event"`)
	tab.screenshot("inbox-webhook.png")
	tab.click(webhook + ` [data-fold=""]`)
	tab.hidden(webhook + " .json .in")
	tab.click(webhook + " .json > details > summary")
	tab.sees(webhook+" .json", `"timestamp"`)
	tab.unseen(webhook+" .json", `"platform_event"`)
	tab.click(webhook + ` [data-fold="open"]`)
	tab.sees(webhook+" .json", `"platform_event"`)

	topic := tab.find("/sns/demo", "request.break_glass")
	tab.open(topic)
	tab.sees(topic+" .facts", "arn:aws:sns:us-east-1:000000000000:demo")
	tab.sees(topic+" .attributes", "request.break_glass")
	tab.sees(topic+" .json", `"platform_event"`)
	tab.screenshot("inbox-sns.png")

	tab.resize(390, 780)
	tab.sees(topic+" h2", "Break-glass") // what was read stays
	tab.click(topic + " .back")
	tab.hidden(topic + " .body")
	tab.screenshot("inbox-phone-list.png")
	tab.open(mail)
	tab.hidden("#q") // it has the whole screen
	tab.click(mail + ` [data-tab="html"]`)
	tab.readsMail(mail, "without waiting for approval")
	tab.screenshot("inbox-phone-email.png")

	tab.quiet()
}

// TestInboxHoldsAHostileMail: a mail that does what it can gets nothing loaded, run,
// sent or opened; and that the browser complains shows that quiet could fail.
func TestInboxHoldsAHostileMail(t *testing.T) {
	t.Parallel()
	dev := startDev(t)
	tab := openTab(t, dev.inbox, 1120, 700)
	tab.await(`document.querySelector('#live').dataset.state === 'live'`)

	const evil = "http://evil.example"
	html := `<!doctype html><html><head><base href="` + evil + `/"><meta http-equiv="refresh" content="0;url=` + evil + `/refresh">
<link rel="stylesheet" href="` + evil + `/a.css"><style>@import url(` + evil + `/b.css); body { background: url(` + evil + `/c.png) }</style>
<script>parent.document.title = 'owned'</script></head>
<body onload="parent.document.title = 'owned'"><p>quite harmless</p><p><a href="` + evil + `/link">follow me</a></p>
<img src="` + evil + `/d.png" onerror="parent.document.title = 'owned'"><iframe src="` + evil + `/frame"></iframe>
<form action="` + evil + `/form" method="post"><button id="send">send</button></form>
<svg><a href="` + evil + `/svg"><text y="20">picture</text></a></svg></body></html>`
	header := "From: a@example.com\r\nTo: demo@example.com\r\nDate: Fri, 02 Jan 2026 03:04:05 +0000\r\nMessage-ID: <1@example.com>\r\n" +
		"Subject: <script>document.title='owned'</script> & <img src=" + evil + "/e.png>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
	if err := smtp.SendMail(dev.mail, nil, "a@example.com", []string{"hostile@example.com"}, []byte(header+strings.ReplaceAll(html, "\n", "\r\n")+"\r\n")); err != nil {
		t.Fatalf("sending a mail: %v", err)
	}
	tab.await(`document.querySelector('[data-path="/email/hostile"]') !== null`) // without a reload
	mail := tab.find("/email/hostile", "")
	tab.open(mail)
	tab.readsMail(mail, "quite harmless")
	tab.sees(mail+" h2", "<script>document.title='owned'</script> & <img")
	for _, inside := range []string{"p a", "#send", "svg a text"} {
		tab.clickInside(mail, inside)
	}
	tab.readsMail(mail, "quite harmless") // it has not gone elsewhere
	if title := eval[string](tab, "document.title"); strings.Contains(title, "owned") {
		t.Error("a script of the mail has run")
	}
	tab.stayed()
	if len(tab.complaints()) == 0 {
		t.Error("the browser has not complained about what the mail tried: a test that looks for complaints would see none")
	}
}

// devStack is where relayctl dev says that its parts are.
type devStack struct{ inbox, mail, api, key string }

// startDev starts the whole relay and returns once all samples are delivered.
func startDev(t *testing.T) devStack {
	t.Helper()
	dev := startProcess(t, "relayctl", []string{"TMPDIR=" + t.TempDir()}, []string{"dev", "--free-ports"})
	word := func(name string) string {
		for _, l := range dev.output() {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(l), name+"  "); ok {
				return strings.Fields(rest)[0]
			}
		}
		t.Fatalf("relayctl dev does not tell of %s", name)
		return ""
	}
	eventually(t, 2*soon, "relayctl dev is up", func() bool {
		return strings.Contains(strings.Join(dev.output(), "\n"), "Ctrl-C stops it.")
	})
	return devStack{inbox: word("Inbox"), mail: word("Mail"), api: word("API"), key: word("API key")}
}

// publish hands in an event of our own.
func (d devStack) publish(t *testing.T, event string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, d.api+"/v1/events", strings.NewReader(event))
	if err != nil {
		t.Fatalf("making a request: %v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-API-Key", d.key)
	req.Header.Set("X-Tenant-ID", demo.TenantID)
	if got, err := do(req); err != nil || got.status != http.StatusAccepted {
		t.Fatalf("publishing an event: %+v %v", got, err)
	}
}

// find returns the selector of the newest message at a path whose text or HTML has words.
func (b *tab) find(path, words string) string {
	b.t.Helper()
	id := eval[string](b, fmt.Sprintf(`fetch('/api/messages?path=' + %[1]q).then((r) => r.json()).then((l) => {
		const m = l.data.reverse().find((m) => (m.mail ? m.mail.text + m.mail.html : m.body).includes(%[2]q) || (m.sns?.message || '').includes(%[2]q));
		return m ? '#m' + m.id : '';
	})`, path, words))
	if id == "" {
		b.t.Fatalf("no message at %s has %q", path, words)
	}
	return id
}

// open clicks on a message in the list.
func (b *tab) open(message string) {
	b.t.Helper()
	b.click(message + " > .row")
	b.await(fmt.Sprintf(`document.querySelector(%q).classList.contains('open')`, message))
}

// readsMail waits until the HTML of a mail stands in its frame, ready to be clicked at,
// and all of it: the frame is as high as what is in it.
func (b *tab) readsMail(message, words string) {
	b.t.Helper()
	b.await(fmt.Sprintf(`(() => {
		const frame = document.querySelector(%q), doc = frame.contentDocument;
		return frame.checkVisibility() && frame.classList.contains('ready') && doc?.body?.innerText.includes(%q) && frame.clientHeight >= doc.documentElement.scrollHeight - 1;
	})()`, message+" iframe.mail", words))
}

// linkLeadsNowhere clicks on the first link of a mail.
func (b *tab) linkLeadsNowhere(message string) {
	b.t.Helper()
	b.open(message)
	b.readsMail(message, "Access granted")
	b.clickInside(message, `a[title^="https://access.example.com/"]`)
	if got := eval[string](b, fmt.Sprintf(`new URL(document.querySelector(%q).contentWindow.location).pathname`, message+" iframe.mail")); !strings.HasPrefix(got, "/mail/") {
		b.t.Errorf("the frame has gone to %s", got)
	}
}

// screenshot writes what the window shows.
func (b *tab) screenshot(name string) {
	b.t.Helper()
	png, dir := b.picture(), os.Getenv(screenshotsTo)
	if dir == "" {
		dir = b.t.ArtifactDir()
	} else if png = shrink(b.t, png); len(png) > 150<<10 {
		b.t.Errorf("%s has %d bytes: too large for a page of the documentation", name, len(png))
	}
	if err := os.WriteFile(filepath.Join(dir, name), png, 0o600); err != nil {
		b.t.Errorf("writing a screenshot: %v", err)
	}
}
