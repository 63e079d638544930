package secret

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const topSecret = "hunter2-TOP"

// shown fails the test if text holds the secret in the clear, in hex or as
// Go's byte lists.
func shown(t *testing.T, text string) {
	t.Helper()
	for _, form := range []string{
		topSecret,
		fmt.Sprintf("%x", topSecret), fmt.Sprintf("%X", topSecret),
		strings.Trim(fmt.Sprint([]byte(topSecret)), "[]"),
		"aHVudGVyMi1UT1", // base64
	} {
		if strings.Contains(text, form) {
			t.Errorf("shows the secret: %s", text)
		}
	}
}

type exported struct{ Key String }
type hidden struct{ key String }
type embedded struct{ String }

func TestStringIsNeverPrinted(t *testing.T) {
	s := New(topSecret)
	values := []any{
		s, &s, exported{s}, &exported{s}, hidden{s}, &hidden{s}, embedded{s},
		[]String{s}, map[string]String{"k": s}, map[String]int{s: 1}, []any{s}, [1]hidden{{s}},
	}
	verbs := strings.Split("v +v #v s q x X # x d b o O t e g U c T p +q 20s -20s .3s !", " ")
	for _, v := range values {
		for _, verb := range verbs {
			shown(t, fmt.Sprintf("%"+verb, v))
		}
		shown(t, fmt.Sprint(v))
		shown(t, fmt.Sprintln(v))
		extra := "no verb" // not a constant: vet would rightly object
		shown(t, fmt.Sprintf(extra, v))
		shown(t, fmt.Errorf("wrapped: %v", v).Error())
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, s); got != "***" {
			t.Errorf("%s of a secret = %q, want ***", verb, got)
		}
		if got := fmt.Sprintf(verb, String{}); got != "" {
			t.Errorf("%s of the empty secret = %q, want nothing", verb, got)
		}
	}
}

func TestStringIsNeverLogged(t *testing.T) {
	s := New(topSecret)
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
		"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			slog.New(handler(&out)).With("with", s).Info("message",
				"plain", s, "pointer", &s, "struct", exported{s}, "hidden", hidden{s},
				slog.Group("group", "k", s), "slice", []String{s}, "error", errors.New(s.String()))
			shown(t, out.String())
			if !strings.Contains(out.String(), "***") {
				t.Errorf("log line has no mask: %s", out.String())
			}
		})
	}
}

func TestStringIsNeverMarshalled(t *testing.T) {
	s := New(topSecret)
	for name, marshal := range map[string]func(any) ([]byte, error){
		"json": json.Marshal, "yaml": func(v any) ([]byte, error) { return yaml.Marshal(v) }, "xml": xml.Marshal,
	} {
		for _, v := range []any{exported{s}, &exported{s}, hidden{s}} {
			out, err := marshal(v)
			if err != nil {
				t.Errorf("%s of %T: %v", name, v, err)
			}
			shown(t, string(out))
		}
	}
	if out, _ := json.Marshal(exported{s}); string(out) != `{"Key":"***"}` {
		t.Errorf("JSON = %s", out)
	}
	if out, _ := json.Marshal(exported{}); string(out) != `{"Key":""}` {
		t.Errorf("JSON of the empty secret = %s", out)
	}
	if out, _ := json.Marshal(map[String]int{s: 1}); string(out) != `{"***":1}` {
		t.Errorf("JSON of a map by secret = %s", out)
	}
}

func TestStringIsReadFromPlainText(t *testing.T) {
	type config struct {
		One  String   `yaml:"one"  json:"one"`
		Many []String `yaml:"many" json:"many"`
		None String   `yaml:"none" json:"none"`
	}
	want := config{One: New("p@ss: #1"), Many: []String{New("a"), New("b")}}
	for name, read := range map[string]func(*config) error{
		"yaml": func(c *config) error {
			return yaml.UnmarshalWithOptions([]byte("one: 'p@ss: #1'\nmany: [a, b]\nnone: ''\n"), c, yaml.Strict())
		},
		"json": func(c *config) error {
			return json.Unmarshal([]byte(`{"one":"p@ss: #1","many":["a","b"],"none":""}`), c)
		},
	} {
		var got config
		if err := read(&got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read %q %q %q", name, got.One.Reveal(), got.Many, got.None.Reveal())
		}
		if !got.None.IsZero() || got.One.IsZero() {
			t.Errorf("%s: IsZero is wrong", name)
		}
	}
}

// What YAML takes for something else than a text would be read changed.
func TestStringFromYAMLScalars(t *testing.T) {
	for _, tt := range []struct{ in, want, err string }{
		{in: `'00123'`, want: "00123"},
		{in: `plain text`, want: "plain text"},
		{in: `"a\nb"`, want: "a\nb"},
		{in: "|\n  a\n  b\n", want: "a\nb\n"},
		{in: `12ab`, want: "12ab"},
		{in: ``, want: ""},
		{in: `~`, want: ""},
		{in: `00123`, err: "quotes"},
		{in: `12345678901234567890`, err: "quotes"},
		{in: `1_000`, err: "quotes"},
		{in: `0.10`, err: "quotes"},
		{in: `true`, err: "quotes"},
		{in: `[hunter2-TOP]`, err: "list"},
		{in: `{hunter2-TOP: 1}`, err: "map"},
	} {
		var got struct{ Pin String }
		err := yaml.Unmarshal([]byte("pin: "+tt.in+"\n"), &got)
		switch {
		case tt.err == "" && (err != nil || got.Pin.Reveal() != tt.want):
			t.Errorf("%s: read %q, %v; want %q", tt.in, got.Pin.Reveal(), err, tt.want)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s: error %v, want it to say %q", tt.in, err, tt.err)
		case err != nil:
			shown(t, err.Error())
		}
	}
}

func TestStringEqual(t *testing.T) {
	for _, tt := range []struct {
		a, b String
		want bool
	}{
		{New("x"), New("x"), true},
		{New("x"), New("y"), false},
		{New("x"), New("xy"), false},
		{New(""), String{}, true},
		{New("x"), String{}, false},
	} {
		if got := tt.a.Equal(tt.b); got != tt.want {
			t.Errorf("Equal(%q, %q) = %v", tt.a.Reveal(), tt.b.Reveal(), got)
		}
	}
}
