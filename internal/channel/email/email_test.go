package email

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"accessrelay/internal/channel"
)

var _ channel.Kind = Kind{}

// config is a good config with changes: a nil value takes its key out.
func config(t *testing.T, changes map[string]any) json.RawMessage {
	t.Helper()
	o := map[string]any{
		"smtp_host": "smtp.example.com", "from_address": "relay@example.com", "to_addresses": []string{"ops@example.com"},
	}
	for key, value := range changes {
		o[key] = value
		if value == nil {
			delete(o, key)
		}
	}
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func parse(t *testing.T, raw json.RawMessage) *Config {
	t.Helper()
	c, err := Kind{}.Parse(raw)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return c.(*Config)
}

func TestParse(t *testing.T) {
	bare := parse(t, config(t, nil))
	if bare.Host != "smtp.example.com" || bare.Port != 587 || bare.TLS != StartTLS || bare.Username != "" ||
		bare.From.Address != "relay@example.com" || !slices.Equal(bare.To, []string{"ops@example.com"}) {
		t.Errorf("%s", bare.Reveal())
	}

	full := parse(t, config(t, map[string]any{
		"smtp_port": 2525, "tls": "implicit", "username": "relay", "password": "canary \"ü",
		"from_address": `"Zugänge, alle" <relay@example.com>`, "to_addresses": []string{"b@example.com", "a+x@example.com"},
		"subject_template": "[{{type}}]",
	}))
	if full.Port != 2525 || full.TLS != Implicit || full.Username != "relay" || full.Password.Reveal() != "canary \"ü" ||
		full.From.Name != "Zugänge, alle" || full.To[0] != "b@example.com" || full.Subject == nil {
		t.Errorf("%s", full.Reveal())
	}
	if s := fmt.Sprintf("%v %+v %#v", full, full, full); strings.Contains(s, "canary") {
		t.Errorf("the config prints its secrets: %s", s)
	}
	for _, c := range []*Config{bare, full} {
		if again := parse(t, c.Reveal()); string(again.Reveal()) != string(c.Reveal()) {
			t.Errorf("revealed %s, then %s", c.Reveal(), again.Reveal())
		}
	}
}

func TestParseAccepts(t *testing.T) {
	for _, changes := range []map[string]any{
		{"smtp_port": "2525"}, // what a ${VARIABLE} becomes
		{"smtp_port": 1},
		{"smtp_port": 65535},
		{"tls": "none"},
		{"tls": "none", "smtp_port": 25},
		{"tls": "implicit"},
		{"tls": "implicit", "smtp_port": 465},
		{"smtp_host": "10.0.0.1"}, // where it may be is judged when it is dialled
		{"smtp_host": "2001:db8::1"},
		{"smtp_host": "localhost"},
		{"smtp_host": "smtp.example.com."},
		{"smtp_host": "xn--bcher-kva.example"},
		{"smtp_host": "mail_1.internal"},
		{"smtp_host": "3.example"},
		{"from_address": "<relay@example.com>"},
		{"from_address": `"Relay \"x\"" <relay@example.com>`},
		{"from_address": "=?utf-8?q?Zug=C3=A4nge?= <relay@example.com>"},
		{"to_addresses": []string{"o'brien.x=y/z!#$%&*+-?^_`{|}~@sub.example.com"}},
		{"to_addresses": addresses(MaxRecipients)},
	} {
		parse(t, config(t, changes))
	}
	if c := parse(t, config(t, map[string]any{"tls": "implicit"})); c.Port != 465 {
		t.Errorf("implicit TLS is on port %d where none is said", c.Port)
	}
}

func addresses(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("canary%d@example.com", i))
	}
	return out
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("a", 65)
	tests := []struct {
		key   string
		value any // nil: absent
		field string
		want  string
	}{
		{"smtp_host", nil, "smtp_host", "is required"},
		{"from_address", nil, "from_address", "is required"},
		{"to_addresses", nil, "to_addresses", "is required"},
		{"host", "canary.example", "host", "is not a key"},
		{"smtp_host", "", "smtp_host", "must not be empty"},
		{"smtp_host", "***", "smtp_host", "holds the mask"},
		{"smtp_host", "smtp://canary.example", "smtp_host", "without a scheme"},
		{"smtp_host", "canary.example:25", "smtp_host", "smtp_port"},
		{"smtp_host", "user@canary.example", "smtp_host", "user name"},
		{"smtp_host", "[2001:db8::1]", "smtp_host", "without brackets"},
		{"smtp_host", "[::1]:25", "smtp_host", "without brackets"},
		{"smtp_host", "fe80::1%canary", "smtp_host", "zone"},
		{"smtp_host", "bücher.canary", "smtp_host", "xn--"},
		{"smtp_host", "canary.example/x", "smtp_host", "host name"},
		{"smtp_host", "canary example", "smtp_host", "host name"},
		{"smtp_host", "canary.example\r\nX", "smtp_host", "host name"},
		{"smtp_host", "canary.example\x00", "smtp_host", "host name"},
		{"smtp_host", "-canary.example", "smtp_host", "host name"},
		{"smtp_host", "canary..example", "smtp_host", "host name"},
		{"smtp_host", ".", "smtp_host", "host name"},
		{"smtp_host", "2130706433", "smtp_host", "host name"},
		{"smtp_host", "0x7f000001", "smtp_host", "host name"},
		{"smtp_host", "0177.0.0.1", "smtp_host", "host name"},
		{"smtp_host", "127.1", "smtp_host", "host name"},
		{"smtp_host", long + ".canary", "smtp_host", "host name"},
		{"smtp_host", strings.Repeat("canary.", 40) + "example", "smtp_host", "host name"},
		{"smtp_port", 0, "smtp_port", "from 1 to 65535"},
		{"smtp_port", 65536, "smtp_port", "from 1 to 65535"},
		{"smtp_port", -25, "smtp_port", "from 1 to 65535"},
		{"smtp_port", 25.5, "smtp_port", "from 1 to 65535"},
		{"smtp_port", true, "smtp_port", "from 1 to 65535"},
		{"smtp_port", "canary", "smtp_port", "from 1 to 65535"},
		{"smtp_port", "***", "smtp_port", "holds the mask"},
		{"smtp_port", 465, "tls", "must be implicit"},
		{"tls", "STARTTLS", "tls", "must be starttls"},
		{"tls", "canary", "tls", "must be starttls"},
		{"tls", true, "tls", "must be a string"},
		{"password", "canary", "username", "is required"},
		{"username", "canary", "password", "is required"},
		{"from_address", "canary", "from_address", "must be an address"},
		{"from_address", "canary@", "from_address", "must be an address"},
		{"from_address", "a@example.com, b@example.com", "from_address", "must be an address"},
		{"from_address", "canary\r\nBcc: x@example.com <a@example.com>", "from_address", "line breaks"},
		{"from_address", "=?utf-8?q?canary=0D=0ABcc:_x?= <a@example.com>", "from_address", "must be an address"},
		{"from_address", "canary, x <a@example.com>", "from_address", "in quotes"},
		{"from_address", strings.Repeat("n", 101) + " <a@example.com>", "from_address", "at most 100"},
		{"from_address", "a@bücher.canary", "from_address", "must be an address"},
		{"from_address", "cänary@example.com", "from_address", "in ASCII"},
		{"to_addresses", "canary@example.com", "to_addresses", "list of strings"},
		{"to_addresses", []any{}, "to_addresses", "from 1 to 50"},
		{"to_addresses", addresses(51), "to_addresses", "from 1 to 50"},
		{"to_addresses", []any{1}, "to_addresses", "list of strings"},
		{"to_addresses", []any{nil}, "to_addresses", "list of strings"},
		{"to_addresses", []any{""}, "to_addresses", "empty entry"},
		{"to_addresses", []any{"***"}, "to_addresses", "holds the mask"},
		{"to_addresses", []any{"a@example.com", "A@Example.com"}, "to_addresses", "entry 2 is there twice"},
		{"to_addresses", []any{"a@example.com", "Canary <b@example.com>"}, "to_addresses", "entry 2 must be an address"},
		{"to_addresses", []any{"canary", "a@example.com", "canary@b c", "A@example.com"}, "to_addresses",
			"entry 1 must be an address such as security@example.com; entry 3 must be an address such as security@example.com; entry 4 is there twice"},
		{"to_addresses", []any{"<canary@example.com>"}, "to_addresses", "entry 1 must be an address"},
		{"to_addresses", []any{`"can ary"@example.com`}, "to_addresses", "must be an address"},
		{"to_addresses", []any{`"a> NOTIFY=NEVER <canary"@example.com`}, "to_addresses", "must be an address"},
		{"to_addresses", []any{"a@example.com> SIZE=1 <canary@example.com"}, "to_addresses", "must be an address"},
		{"to_addresses", []any{"a@example.com\r\nRCPT TO:<canary@example.com>"}, "to_addresses", "must be an address"},
		{"to_addresses", []any{"canary@@example.com"}, "to_addresses", "must be an address"},
		{"to_addresses", []any{".canary@example.com"}, "to_addresses", "must be an address"},
		{"to_addresses", []any{"canary@[127.0.0.1]"}, "to_addresses", "must be an address"},
		{"to_addresses", []any{"canary (x)@example.com"}, "to_addresses", "must be an address"},
		{"to_addresses", []any{long + "@example.com"}, "to_addresses", "must be an address"},
		{"to_addresses", []any{"canary@" + strings.Repeat("a.", 130) + "com"}, "to_addresses", "must be an address"},
		{"subject_template", strings.Repeat("canary", 1000), "subject_template", "longer than"},
		{"subject_template", "canary\n{{#if", "subject_template", "line 2: "},
	}
	for _, tt := range tests {
		_, err := Kind{}.Parse(config(t, map[string]any{tt.key: tt.value}))
		checkInvalid(t, fmt.Sprintf("%s %.60q", tt.key, fmt.Sprint(tt.value)), err, tt.field, tt.want)
	}
	withLogin := func(more map[string]any) json.RawMessage {
		c := map[string]any{"username": "canary", "password": "canary"}
		for key, value := range more {
			c[key] = value
		}
		return config(t, c)
	}
	for _, tt := range []struct {
		more        map[string]any
		field, want string
	}{
		{map[string]any{"tls": "none"}, "username", "in the clear"},
		{map[string]any{"username": "canary\x00"}, "username", "control characters"},
		{map[string]any{"password": "canary\r\n"}, "password", "control characters"},
		{map[string]any{"password": strings.Repeat("canary", 200)}, "password", "at most 1024"},
		{map[string]any{"password": "***"}, "password", "holds the mask"},
	} {
		_, err := Kind{}.Parse(withLogin(tt.more))
		checkInvalid(t, fmt.Sprint(tt.more), err, tt.field, tt.want)
	}
}

func checkInvalid(t *testing.T, what string, err error, field, want string) {
	t.Helper()
	var invalid *channel.InvalidError
	if !errors.As(err, &invalid) {
		t.Errorf("%s: %v, want an *InvalidError", what, err)
		return
	}
	if len(invalid.Fields) != 1 || !strings.Contains(invalid.Fields[field], want) {
		t.Errorf("%s: %v, want only %s: … %s", what, invalid, field, want)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("%s: the error holds the value: %v", what, err)
	}
}

func TestMask(t *testing.T) {
	in := config(t, map[string]any{
		"smtp_port": 2525, "username": "relay", "password": "canary", "subject_template": "[{{type}}]", "other": "canary",
		"to_addresses": []any{"a@example.com", "${TO}"},
	})
	want := `{"from_address":"relay@example.com","other":"***","password":"***","smtp_host":"smtp.example.com","smtp_port":2525,` +
		`"subject_template":"[{{type}}]","to_addresses":["a@example.com","***"],"username":"relay"}`
	if got := string(Kind{}.Mask(in)); got != want {
		t.Errorf("Mask = %s\nwant   %s", got, want)
	}
	for in, want := range map[string]string{
		`{"smtp_host":"${HOST}","password":{"x":"canary"}}`:           `{"password":"***","smtp_host":"***"}`,
		`{"smtp_host":{"canary":"canary"},"tls":null,"x":["canary"]}`: `{"smtp_host":"***","tls":"***","x":"***"}`,
		`{"smtp_port":true}`: `{"smtp_port":"***"}`,
		`["canary"]`:         `{}`,
		`canary`:             `{}`,
	} {
		if got := string(Kind{}.Mask(json.RawMessage(in))); got != want {
			t.Errorf("Mask(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	for tls, want := range map[string]string{"none": "tls", "starttls": "", "implicit": ""} {
		if field, _ := channel.Plain(parse(t, config(t, map[string]any{"tls": tls}))); field != want {
			t.Errorf("tls %s is in the clear at %q, want %q", tls, field, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("smtp.example.com", "A <a@example.com>", "b@example.com")
	f.Add("127.1", "\"a b\"@x", "a@b> <c")
	f.Add("[::1]", "=?utf-8?q?=0D?= <a@b>", "a@b\r\n")
	f.Fuzz(func(t *testing.T, host, from, to string) {
		raw, err := json.Marshal(map[string]any{"smtp_host": host, "from_address": from, "to_addresses": []string{to}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Kind{}.Parse(raw)
		if err != nil {
			return
		}
		c := got.(*Config)
		for _, s := range append(c.To, c.Host, c.From.Address) {
			if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`<>"(),;\`, r) }) {
				t.Errorf("%q passes", s)
			}
		}
		if hasControl(c.From.Name) {
			t.Errorf("%q passes", c.From.Name)
		}
		if again := parse(t, c.Reveal()); string(again.Reveal()) != string(c.Reveal()) {
			t.Errorf("revealed %s, then %s", c.Reveal(), again.Reveal())
		}
	})
}
