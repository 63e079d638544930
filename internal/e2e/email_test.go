package e2e

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const mailPassword = "canary-of-the-mail-password"

// mailTo is an email channel to s, as secure as tls says.
func mailTo(name string, s *mailServer, tls string, more map[string]any) channelConf {
	config := map[string]any{
		"smtp_host": "127.0.0.1", "smtp_port": s.port, "tls": tls,
		"from_address": "Access relay <relay@example.com>", "to_addresses": []string{"security@example.com"},
	}
	for key, value := range more {
		config[key] = value
	}
	return channelConf{name: name, kind: "email", config: config}
}

func withLogin() map[string]any {
	return map[string]any{"username": "relay", "password": mailPassword}
}

// TestEmail: mail arrives at servers that are not ours, over both kinds of TLS
// with a private authority, and is what another parser makes sense of.
func TestEmail(t *testing.T) {
	t.Parallel()
	for _, tls := range []string{"starttls", "implicit"} {
		t.Run(tls, func(t *testing.T) {
			t.Parallel()
			authority, cert, key := privateCA(t)
			s := startMail(t, mailConf{TLS: tls, Cert: cert, Key: key, User: "relay", Password: mailPassword})
			r := newRelay(t, mailTo("mail", s, tls, withLogin()))
			r.writeFile()
			r.startIngest()
			r.startWorker("SSL_CERT_FILE=" + authority)

			first := r.send(p0Sample(t))
			got := r.settle(first, soon)
			if d := got.to(t, "mail"); d.State != "delivered" || d.Attempts != 1 || len(d.Recipients) != 1 || d.Recipients[0] != (recipient{"security@example.com", "delivered", ""}) {
				t.Errorf("delivery %+v", d)
			}
			// The end of the same preapproval: in mail, the same thread.
			ended := r.send([]byte(strings.Replace(string(p0Sample(t)), "preapproval-created", "preapproval-expired", 1)))
			r.settle(ended, soon)
			other := r.send(preapproval("another"))
			r.settle(other, soon)

			mails := s.mails()
			if len(mails) != 3 {
				t.Fatalf("%d mails arrived, want 3", len(mails))
			}
			for i, m := range mails {
				if m.TLS < "TLSv1.2" || m.User != "relay" || m.From != "relay@example.com" || m.Hello != "example.com" || !slices.Equal(m.To, []string{"security@example.com"}) {
					t.Errorf("mail %d: over %q, by %q, from %q at %q to %q", i, m.TLS, m.User, m.From, m.Hello, m.To)
				}
				checkMail(t, m)
			}
			m := mails[0]
			if m.header("Subject") == "" || !strings.HasPrefix(m.header("Subject"), "Access approved in advance: ") ||
				m.header("From") != `Access relay <relay@example.com>` || m.header("To") != "security@example.com" ||
				m.header("X-Accessrelay-Event-Id") != first || !strings.HasPrefix(m.header("Message-ID"), "<"+first+".") || m.header("Auto-Submitted") != "auto-generated" {
				t.Errorf("headers %q", m.Headers)
			}
			for _, body := range []string{m.Text, m.HTML} {
				if !strings.Contains(body, "demo-node-1") || !strings.Contains(body, "fancy demo") {
					t.Errorf("the mail does not say what it is about: %s", body)
				}
			}
			thread := m.header("References")
			if thread == "" || mails[1].header("References") != thread || m.header("In-Reply-To") != thread || mails[2].header("References") == thread {
				t.Errorf("threads: %q, %q, and another request's %q", thread, mails[1].header("References"), mails[2].header("References"))
			}
			if ids := []string{m.header("Message-ID"), mails[1].header("Message-ID")}; ids[0] == ids[1] {
				t.Errorf("two mails have the Message-ID %s", ids[0])
			}
			checkNowhere(t, r, mailPassword)
		})
	}
}

// checkMail: what Python's parser has to say of any mail of ours.
func checkMail(t *testing.T, m mailed) {
	t.Helper()
	if len(m.Defects) > 0 || m.Kind != "multipart/alternative" || !slices.Equal(m.Parts, []string{"text/plain", "text/html"}) {
		t.Errorf("defects %q, %s of %q", m.Defects, m.Kind, m.Parts)
	}
	names := map[string]int{}
	for _, h := range m.Headers {
		names[h[0]]++
		if strings.ContainsAny(h[1], "\r\n") || names[h[0]] > 1 || strings.EqualFold(h[0], "Bcc") {
			t.Errorf("header %q", h)
		}
	}
}

// checkNowhere: a secret is in no log and no answer.
func checkNowhere(t *testing.T, r *relay, secret string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.processes {
		for _, line := range p.output() {
			if strings.Contains(line, secret) {
				t.Errorf("%s logs a secret: %s", p.name, line)
			}
		}
	}
	for _, a := range r.answers {
		if strings.Contains(string(a.body), secret) {
			t.Errorf("an answer of the API holds a secret: %s", a.body)
		}
	}
}

// TestEmailIsNotDowngraded: a server without STARTTLS gets nothing, nor one that
// nobody vouches for, nor one for another protocol's TLS.
func TestEmailIsNotDowngraded(t *testing.T) {
	t.Parallel()
	_, cert, key := privateCA(t)
	bare := startMail(t, mailConf{TLS: "none", User: "relay", Password: mailPassword})
	strange := startMail(t, mailConf{TLS: "starttls", Cert: cert, Key: key, User: "relay", Password: mailPassword})
	r := newRelay(t,
		mailTo("bare", bare, "starttls", withLogin()), mailTo("strange", strange, "starttls", withLogin()),
		mailTo("not-implicit", strange, "implicit", withLogin()),
	)
	r.delivery = "  max_retries: 1\n  backoff: [100ms]\n"
	r.start()
	got := r.settle(r.send(p0Sample(t)), soon)
	for name, text := range map[string]string{
		"bare": "the server offers no STARTTLS", "strange": "unknown authority", "not-implicit": "no TLS connection",
	} {
		d := got.to(t, name)
		if d.State != "dead" || d.Attempts != 2 || d.RetriesUsed != 1 || !strings.HasPrefix(d.LastError, "tls: ") || !strings.Contains(d.LastError, text) {
			t.Errorf("%s: %+v", name, d)
		}
		for _, rcpt := range d.Recipients {
			if rcpt.State == "delivered" {
				t.Errorf("%s: recipients %+v", name, d.Recipients)
			}
		}
	}
	for name, s := range map[string]*mailServer{"bare": bare, "strange": strange} {
		if len(s.mails()) != 0 || len(s.logins()) != 0 {
			t.Errorf("%s was given %d mails and the logins %q", name, len(s.mails()), s.logins())
		}
	}
	checkNowhere(t, r, mailPassword)
}

// TestEmailWrongPassword: the server's 535 is final, and only its code is told.
func TestEmailWrongPassword(t *testing.T) {
	t.Parallel()
	authority, cert, key := privateCA(t)
	s := startMail(t, mailConf{TLS: "starttls", Cert: cert, Key: key, User: "relay", Password: "another"})
	r := newRelay(t, mailTo("mail", s, "starttls", withLogin()))
	r.writeFile()
	r.startIngest()
	r.startWorker("SSL_CERT_FILE=" + authority)
	d := r.settle(r.send(p0Sample(t)), soon).to(t, "mail")
	if d.State != "dead" || d.Attempts != 1 || d.LastError != "rejected: the server refused the login (535 5.7.8)" {
		t.Errorf("delivery %+v", d)
	}
	if n := len(s.mails()); n != 0 {
		t.Errorf("%d mails arrived", n)
	}
	checkNowhere(t, r, mailPassword)
}

// TestEmailRecipients: one who is refused for good does not stop the others, a
// retry goes to the one who was deferred, and a replay to the one who was refused.
func TestEmailRecipients(t *testing.T) {
	t.Parallel()
	authority, cert, key := privateCA(t)
	s := startMail(t, mailConf{TLS: "starttls", Cert: cert, Key: key, Replies: map[string][]string{
		"ben@example.com": {"550 5.1.1 canary"},
		"cyd@example.com": {"451 4.7.1 canary", "451 4.7.1 canary"},
	}})
	r := newRelay(t, mailTo("mail", s, "starttls", map[string]any{"to_addresses": []string{"ann@example.com", "ben@example.com", "cyd@example.com"}}))
	r.writeFile()
	r.startIngest()
	r.startWorker("SSL_CERT_FILE=" + authority)

	id := r.send(p0Sample(t))
	d := r.settle(id, soon).to(t, "mail")
	want := []recipient{
		{"ann@example.com", "delivered", ""}, {"ben@example.com", "dead", "refused (550 5.1.1)"}, {"cyd@example.com", "delivered", ""},
	}
	if d.State != "dead" || d.Attempts != 3 || d.RetriesUsed != 2 || d.LastError != "rejected: 1 of 3 recipients refused (550 5.1.1)" || !slices.Equal(d.Recipients, want) {
		t.Errorf("delivery %+v, want the recipients %+v", d, want)
	}
	if got := r.call(http.MethodPost, "/v1/deliveries/"+d.ID+"/replay", ""); got.status != http.StatusAccepted {
		t.Fatalf("replay: %d %s", got.status, got.body)
	}
	want[1] = recipient{"ben@example.com", "delivered", ""}
	if d := r.settle(id, soon).to(t, "mail"); d.State != "delivered" || !slices.Equal(d.Recipients, want) {
		t.Errorf("after the replay: %+v, want the recipients %+v", d, want)
	}

	var told []string
	for i, m := range s.mails() {
		checkMail(t, m)
		told = append(told, strings.Join(m.To, " "))
		if m.header("Message-ID") != s.mails()[0].header("Message-ID") || m.header("To") != "ann@example.com, ben@example.com, cyd@example.com" || m.Text != s.mails()[0].Text {
			t.Errorf("mail %d is another one: %q", i, m.Headers)
		}
	}
	if want := []string{"ann@example.com", "cyd@example.com", "ben@example.com"}; !slices.Equal(told, want) {
		t.Errorf("the mails went to %q, want %q", told, want)
	}
}

// TestEmailHostileText: what an event says becomes neither a header nor a command
// nor an element.
func TestEmailHostileText(t *testing.T) {
	t.Parallel()
	s := startMail(t, mailConf{TLS: "none"})
	r := newRelay(t, mailTo("mail", s, "none", map[string]any{"subject_template": "{{request.reason}}"}))
	r.start()
	for i, text := range []string{
		"x\r\nBcc: canary@example.com\r\n\r\nbody", "x\n.\nMAIL FROM:<canary@example.com>", "=?utf-8?q?=0D=0ABcc:_canary?=",
		"<script>canary</script>", `"><img src=canary>`, "\u202ecanary", "漢字 \U0001F6A8 العربية", "\x00\x1b[31m",
	} {
		body := toJSON(t, map[string]any{"id": "n", "name": text, "eventType": "preapproval-created", "data": map[string]any{
			"id": text, "type": text, "access": "session", "permission": map[string]any{"name": text, "description": text},
			"startsAt": 1768469400000, "endsAt": 1768483800000 + i, "principal": text, "reason": text,
		}})
		if got := r.settle(r.send([]byte(body)), soon); got.Status != "delivered" {
			t.Errorf("%q: %+v", text, got)
			continue
		}
		all := s.mails()
		m := all[len(all)-1]
		checkMail(t, m)
		if !slices.Equal(m.To, []string{"security@example.com"}) || m.header("Subject") == "" || strings.Contains(m.HTML, "<script") || strings.Contains(m.HTML, "<img") {
			t.Errorf("%q: to %q, %q, %s", text, m.To, m.header("Subject"), m.HTML)
		}
		names := make([]string, 0, len(m.Headers))
		for _, h := range m.Headers {
			names = append(names, h[0])
		}
		slices.Sort(names)
		if want := []string{
			"Auto-Submitted", "Content-Type", "Date", "From", "In-Reply-To", "MIME-Version", "Message-ID", "References", "Subject", "To",
			"X-Accessrelay-Event-Id", "X-Accessrelay-Event-Type", "X-Auto-Response-Suppress",
		}; !slices.Equal(names, want) {
			t.Errorf("%q: headers %q, want %q", text, names, want)
		}
	}
	if n := len(s.mails()); n != 8 {
		t.Errorf("%d mails arrived, want 8", n)
	}
}

// TestEmailOfTheAPI: JITSudo's fields make a channel, whose password nobody sees
// again; it stays within what tenants may reach.
func TestEmailOfTheAPI(t *testing.T) {
	t.Parallel()
	authority, cert, key := privateCA(t)
	s := startMail(t, mailConf{TLS: "starttls", Cert: cert, Key: key, User: "relay", Password: mailPassword})
	r := newRelay(t)
	recipients, identity := sealing(t, r.dir)
	r.writeFile()
	r.startIngest("ACCESSRELAY_SECRETS_RECIPIENTS=" + recipients)
	r.startWorker("SSL_CERT_FILE="+authority, "--secrets-identity-file="+identity)

	fields := mailTo("", s, "starttls", withLogin()).config
	fields["name"] = "mail"
	ch := r.create("email", fields)
	if shown := string(ch.Config); ch.ChannelType != "email" || !strings.Contains(shown, `"password":"***"`) || !strings.Contains(shown, `"username":"relay"`) {
		t.Errorf("channel %+v with %s", ch, shown)
	}
	d := r.settle(r.test(ch.ID), soon).to(t, "mail")
	if d.State != "dead" || d.Attempts != 0 || !strings.HasPrefix(d.LastError, "address_blocked: the host has a loopback address") {
		t.Errorf("to loopback, which nobody has admitted: %+v", d)
	}
	if len(s.mails())+len(s.logins()) != 0 {
		t.Errorf("the server was given %+v", s.all())
	}

	r.delivery = "  allow_networks: [127.0.0.0/8]\n"
	r.writeFile()
	for _, p := range []*process{r.worker, r.ingest} {
		p.signal(syscall.SIGHUP)
		eventually(t, soon, p.name+" has read the file", func() bool { return len(p.logged(msgReloaded)) > 0 })
	}
	d = r.settle(r.test(ch.ID), soon).to(t, "mail")
	if d.State != "delivered" || len(s.mails()) != 1 {
		t.Errorf("to loopback, which is admitted: %+v, %d mails", d, len(s.mails()))
	}
	checkNowhere(t, r, mailPassword)
}
