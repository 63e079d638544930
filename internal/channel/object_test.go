package channel

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestReadObjectRefuses(t *testing.T) {
	for _, in := range []string{
		``, ` `, `null`, `[]`, `"x"`, `1`, `{`, `{}{}`, `{} x`, `{"a":1}]`, `{"a"}`, `{"a":}`, `{1:2}`, "{\"a\":\"\xff\"}", `{"a":1,}`,
	} {
		_, err := ReadObject(json.RawMessage(in))
		var invalid *InvalidError
		if !errors.As(err, &invalid) || invalid.Fields["config"] == "" {
			t.Errorf("ReadObject(%q) = %v, want an *InvalidError about config", in, err)
		}
	}
}

func TestObject(t *testing.T) {
	tests := []struct{ name, in, key, want string }{
		{"text", `{"a":"x"}`, "", ""},
		{"blank around", " {\"a\" : \"x\"}\n", "", ""},
		{"absent", `{}`, "", ""},
		{"null", `{"a":null}`, "a", "must be a string"},
		{"number", `{"a":1}`, "a", "must be a string"},
		{"object", `{"a":{}}`, "a", "must be a string"},
		{"empty", `{"a":""}`, "a", "must not be empty"},
		{"mask", `{"a":"***"}`, "a", "holds the mask"},
		{"mask, blanks around", `{"a":" ***\n"}`, "a", "holds the mask"},
		{"mask within", `{"a":"*** x ***"}`, "", ""},
		{"four asterisks", `{"a":"****"}`, "", ""},
		{"mask, escaped", `{"a":"\u002a**"}`, "a", "holds the mask"},
		{"unknown", `{"b":"x"}`, "b", "is not a key"},
		{"case", `{"A":"x"}`, "A", "is not a key"},
		{"nothing like it", `{"colour":"x"}`, "colour", "is not a key of this channel type"},
		{"twice", `{"a":"x","a":"y"}`, "a", "appears twice"},
		{"unknown, hostile", "{\"b\\n\\u001b[0m\":1}", "b??[0m", "is not a key"},
		{"map", `{"m":{"k":"v","l":""}}`, "", ""},
		{"map of numbers", `{"m":{"k":1}}`, "m", "must be an object of strings"},
		{"map of nulls", `{"m":{"k":null}}`, "m", "must be an object of strings"},
		{"map, not", `{"m":[]}`, "m", "must be an object of strings"},
		{"map, null", `{"m":null}`, "m", "must be an object of strings"},
		{"map, mask", `{"m":{"k":"v","l":"***"}}`, "m", "holds the mask"},
		{"map, mask with its scheme", `{"m":{"k":"Bearer ***"}}`, "m", "holds the mask"},
		{"map, mask within", `{"m":{"k":"Bearer a***b"}}`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := ReadObject(json.RawMessage(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			o.Text("a")
			o.Texts("m")
			err = o.Err()
			if tt.key == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var invalid *InvalidError
			if !errors.As(err, &invalid) {
				t.Fatalf("%v, want an *InvalidError", err)
			}
			if got := invalid.Fields[tt.key]; !strings.Contains(got, tt.want) || len(invalid.Fields) != 1 {
				t.Errorf("%v, want only %s: %s", invalid, tt.key, tt.want)
			}
		})
	}
}

func TestObjectSaysEverythingAtOnce(t *testing.T) {
	o, err := ReadObject(json.RawMessage(`{"a":1,"x":1,"` + strings.Repeat("k", 100) + `":1}`))
	if err != nil {
		t.Fatal(err)
	}
	o.Text("a")
	var invalid *InvalidError
	if !errors.As(o.Err(), &invalid) || len(invalid.Fields) != 3 {
		t.Fatalf("%v, want three fields", o.Err())
	}
	for key := range invalid.Fields {
		if len(key) > 70 {
			t.Errorf("a key of %d bytes is echoed", len(key))
		}
	}
}

func TestCheckURL(t *testing.T) {
	tests := []struct{ in, want string }{
		{"https://example.com", ""},
		{"https://example.com/a/b?c=d", ""},
		{"HTTPS://example.com:8443/", ""},
		{"http://10.0.0.1/hook", ""}, // where to is judged when it is dialled
		{"https://[2001:db8::1]:443/x", ""},
		{"https://münchen.example/ü", ""},
		{"https://example.com/a%20b", ""},
		{"", "must begin with"},
		{"example.com/x", "must begin with"},
		{"//example.com/x", "must begin with"},
		{"ftp://example.com/", "must begin with"},
		{"file:///etc/passwd", "must begin with"},
		{"javascript:alert(1)", "must begin with"},
		{"https:example.com", "must name a host"},
		{"https:///path", "must name a host"},
		{"https://", "must name a host"},
		{"https://:443/", "must name a host"},
		{"https://user:pw@example.com/", "user name"},
		{"https://user@example.com/", "user name"},
		{"https://example.com/#frag", "fragment"},
		{"https://example.com/#", "fragment"},
		{"https://example.com:0/", "port"},
		{"https://example.com:65536/", "port"},
		{"https://example.com:/", "port"},
		{"https://example.com:x/", "must be a URL"},
		{"https://[fe80::1%25eth0]/", "zone"},
		{"https://exa mple.com/", "blanks"},
		{"https://example.com/a b", "blanks"},
		{"https://example.com/\t", "blanks"},
		{"https://example.com/\u00a0", "blanks"},
		{"https://example.com\\@evil.example/", "blanks"},
		{"https://example.com/\x00", "blanks"},
		{"https://example.com/%zz", "must be a URL"},
		{"https://example.com/***", "mask"},
		{"https://example.com/***/", "mask"},
		{"https://example.com/***?wait=true", "mask"},
		{"https://example.com/a/***", "mask"},
		{"https://example.com/%2A%2a*", "mask"},
		{"https://example.com/?t=***", "mask"},
		{"https://example.com/?t=%2a**&u", "mask"},
		{"https://example.com/?***", "mask"},
		{"https://***/x", "mask"},
		{"https://***.example.com/x", "mask"},
		{"https://example.com/a***b", ""},
		{"https://example.com/****", ""},
		{"https://example.com/?t=a***b&u=%zz", ""},
		{"https://example.com/" + strings.Repeat("a", 2048), "longer"},
	}
	for _, tt := range tests {
		got := CheckURL(tt.in)
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("CheckURL(%.60q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestMaskURL(t *testing.T) {
	tests := []struct{ in, want string }{
		{"https://hooks.slack.com/services/T0/B0/x", "https://hooks.slack.com/***"},
		{"https://example.com", "https://example.com/***"},
		{"https://example.com?token=x", "https://example.com/***"},
		{"https://example.com/#x", "https://example.com/***"},
		{"http://10.0.0.1:8080/a", "http://10.0.0.1:8080/***"},
		{"https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443/***"},
		{"${SLACK_URL}", "***"},
		{"https://${HOST}/x", "***"},
		{"https://example.com/${PATH}", "***"},
		{"$${x}", "***"},
		{"https://user:pw@example.com/", "***"},
		{"example.com/secret", "***"},
		{"secret:x", "***"},
		{"https:secret", "***"},
		{"https://secret value/", "***"},
		{"https://%73ecret/", "***"},
		{"", "***"},
		{"***", "***"},
	}
	for _, tt := range tests {
		if got := MaskURL(tt.in); got != tt.want {
			t.Errorf("MaskURL(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestMaskObject(t *testing.T) {
	show := map[string]func(json.RawMessage) any{"url": ShowURL, "headers": ShowKeys}
	tests := []struct{ in, want string }{
		{`{"url":"https://a.example/x","headers":{"X-A":"s"},"other":{"deep":["s"]}}`,
			`{"headers":{"X-A":"***"},"other":"***","url":"https://a.example/***"}`},
		{`{"url":1,"headers":"${H}"}`, `{"headers":"***","url":"***"}`},
		{`{"headers":{"X-A":{"y":"s"}}}`, `{"headers":{"X-A":"***"}}`},
		{`{}`, `{}`},
		{`"s"`, `{}`},
		{`{"a":"s"} s`, `{}`},
		{``, `{}`},
	}
	for _, tt := range tests {
		if got := string(MaskObject(json.RawMessage(tt.in), show)); got != tt.want {
			t.Errorf("MaskObject(%s) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestUnknownKeySuggests(t *testing.T) {
	for in, want := range map[string]string{
		`{"text_templates":"x"}`: "text_templates: is not a key of this channel type, did you mean text_template?",
		`{"header":{}}`:          "header: is not a key of this channel type, did you mean headers?",
		`{"smpt_port":1}`:        "smpt_port: is not a key of this channel type, did you mean smtp_port?",
		`{"to_address":[]}`:      "to_address: is not a key of this channel type, did you mean to_addresses?",
		`{"passwort":""}`:        "passwort: is not a key of this channel type, did you mean password?",
		`{"colour":""}`:          "colour: is not a key of this channel type",
	} {
		o, err := ReadObject(json.RawMessage(in))
		if err != nil {
			t.Fatal(err)
		}
		o.Text("text_template")
		o.Texts("headers")
		o.Int("smtp_port", 1, 2)
		o.List("to_addresses", 1)
		o.Has("password")
		if got := o.Err(); got == nil || got.Error() != want {
			t.Errorf("%s: %v, want %s", in, got, want)
		}
	}
}
