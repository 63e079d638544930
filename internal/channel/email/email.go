// Package email is the email channel: an SMTP server that takes mail for up to
// fifty recipients.
package email

import (
	"encoding/json"
	"net/mail"

	"accessrelay/internal/channel"
	"accessrelay/internal/handlebars"
	"accessrelay/internal/secret"
)

// Type is the channel type's name in answers, metrics and records.
const Type = "email"

// MaxRecipients bounds to_addresses: more than that is a mailing list's job.
const MaxRecipients = 50

// TLS says how the connection to the server is secured.
type TLS string

// The values of tls.
const (
	StartTLS TLS = "starttls" // begins in the clear; no TLS, no mail
	Implicit TLS = "implicit" // TLS from the first byte
	None     TLS = "none"
)

const (
	defaultPort  = 587
	implicitPort = 465
)

// Config is the server and the addresses.
type Config struct {
	Host     string // ASCII name, or an IP address
	Port     int
	TLS      TLS
	Username string               // empty: no login
	Password secret.String        // zero without Username
	From     mail.Address         // its address is ASCII; its name may be empty
	To       []string             // bare ASCII addresses, each once
	Subject  *handlebars.Template // subject_template; nil: the event in words

	subject string // what Subject was read from
}

// Reveal implements [channel.Config].
func (c *Config) Reveal() json.RawMessage {
	o := map[string]any{
		"smtp_host": c.Host, "smtp_port": c.Port, "tls": c.TLS,
		"from_address": c.From.Address, "to_addresses": c.To,
	}
	if c.From.Name != "" {
		o["from_address"] = c.From.String()
	}
	if c.Username != "" {
		o["username"] = c.Username
		o["password"] = c.Password.Reveal()
	}
	if c.subject != "" {
		o["subject_template"] = c.subject
	}
	out, _ := json.Marshal(o) // texts and a number always marshal
	return out
}

// Plain implements [channel.Plainer].
func (c *Config) Plain() (field, instead string) {
	if c.TLS == None {
		return "tls", "starttls or implicit"
	}
	return "", ""
}

// Kind is the email type.
type Kind struct{}

// Type implements [channel.Kind].
func (Kind) Type() string { return Type }

// Slug implements [channel.Kind].
func (Kind) Slug() string { return "email" }

// Parse implements [channel.Kind].
func (Kind) Parse(config json.RawMessage) (channel.Config, error) {
	o, err := channel.ReadObject(config)
	if err != nil {
		return nil, err
	}
	c := &Config{Port: defaultPort, TLS: StartTLS}
	for _, key := range []string{"smtp_host", "from_address", "to_addresses"} {
		if !o.Has(key) {
			o.Fail(key, "is required")
		}
	}
	if s, ok := o.Text("smtp_host"); ok {
		if problem := checkHost(s); problem != "" {
			o.Fail("smtp_host", problem)
		}
		c.Host = s
	}
	c.security(o)
	c.login(o)
	c.addresses(o)
	if s, ok := o.Text("subject_template"); ok {
		t, err := parseSubject(s)
		if err != nil {
			o.Fail("subject_template", err.Error())
		}
		c.Subject, c.subject = t, s
	}
	if err := o.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// security reads how to connect. A mismatch of port and tls would only show as a
// time-out: each side waits for the other to begin.
func (c *Config) security(o *channel.Object) {
	if s, ok := o.Text("tls"); ok {
		switch t := TLS(s); t {
		case StartTLS, Implicit, None:
			c.TLS = t
		default:
			o.Fail("tls", "must be starttls, implicit or none")
		}
	}
	if c.TLS == Implicit {
		c.Port = implicitPort
	}
	if n, ok := o.Int("smtp_port", 1, 65535); ok {
		c.Port = n
	}
	if c.Port == implicitPort && c.TLS != Implicit {
		o.Fail("tls", "must be implicit for port 465, where TLS begins with the connection; starttls is for port 587")
	}
}

// login reads who to log in as. A password goes over TLS or not at all.
func (c *Config) login(o *channel.Object) {
	const longest = 1024
	hasName, hasPassword := o.Has("username"), o.Has("password")
	name, _ := o.Text("username")
	password, _ := o.Text("password")
	switch {
	case hasPassword && !hasName:
		o.Fail("username", "is required where there is a password")
	case hasName && !hasPassword:
		o.Fail("password", "is required where there is a username")
	case hasName && c.TLS == None:
		o.Fail("username", "must not be given with tls: none, which would send the password in the clear")
	case len(name) > longest || hasControl(name):
		o.Fail("username", "must be at most 1024 bytes, without line breaks and control characters")
	case len(password) > longest || hasControl(password):
		o.Fail("password", "must be at most 1024 bytes, without line breaks and control characters")
	}
	c.Username, c.Password = name, secret.New(password)
}

func (c *Config) addresses(o *channel.Object) {
	if s, ok := o.Text("from_address"); ok {
		from, problem := parseFrom(s)
		if problem != "" {
			o.Fail("from_address", problem)
		}
		c.From = from
	}
	if list, ok := o.List("to_addresses", MaxRecipients); ok {
		if problem := checkRecipients(list); problem != "" {
			o.Fail("to_addresses", problem)
		}
		c.To = list
	}
}

// Mask implements [channel.Kind].
func (Kind) Mask(config json.RawMessage) json.RawMessage {
	show := map[string]func(json.RawMessage) any{}
	for _, key := range []string{
		"smtp_host", "smtp_port", "tls", "username", "from_address", "to_addresses", "subject_template",
	} {
		show[key] = channel.ShowPlain
	}
	return channel.MaskObject(config, show)
}
