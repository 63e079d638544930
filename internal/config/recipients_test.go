package config

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestRecipientsFile(t *testing.T) {
	const key = "--secrets-recipients-file: "
	for _, tt := range []struct {
		name, text string
		args       []string
		want       []string
		err        string // FILE is the file's path
	}{
		{name: "one a line", text: "# ops\nage1a\n\n  age1b\t\r\n#age1c\n", want: []string{"age1a", "age1b"}},
		{name: "no line break at the end", text: "age1a", want: []string{"age1a"}},
		{name: "none", text: "# age1a\n", err: key + "FILE: has no recipient"},
		{name: "empty", text: "", err: key + "FILE: has no recipient"},
		{name: "an identity", text: "AGE-SECRET-KEY-1S3CR3T\n", err: key + "holds a secret key; it belongs to the workers, as --secrets-identity-file"},
		{name: "something else", text: "age1a\nssh-ed25519 S3CR3T", err: key + "each recipient begins with age1; one a line"},
		{name: "both", text: "age1a", args: []string{"--secrets-recipients=age1b"}, err: key + "is given, and so is --secrets-recipients: one of them is enough"},
		{name: "too large", text: strings.Repeat("age1a\n", 200_000), err: key + "FILE: larger than 1 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "recipients")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := ParseIngest(append(tt.args, "--secrets-recipients-file="+file), nil, io.Discard)
			if got := errText(err); got != strings.ReplaceAll(tt.err, "FILE", file) {
				t.Fatalf("error %q, want %q", got, tt.err)
			}
			if err == nil && !reflect.DeepEqual(s.SecretsRecipients, tt.want) {
				t.Errorf("recipients %q, want %q", s.SecretsRecipients, tt.want)
			}
		})
	}
}

func TestRecipientsFileMissing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recipients")
	_, err := ParseIngest(nil, []string{"ACCESSRELAY_SECRETS_RECIPIENTS_FILE=" + file}, io.Discard)
	want := "ACCESSRELAY_SECRETS_RECIPIENTS_FILE: " + file + ": no such file or directory"
	if errText(err) != want {
		t.Errorf("error %q, want %q", errText(err), want)
	}
}

func TestCheckEnviron(t *testing.T) {
	for environ, want := range map[string]string{
		"ACCESSRELAY_REDIS_URL=redis://r":  "",
		"ACCESSRELAY_CONCURRENCY=anything": "",
		"REDIS_URL=x":                      "",
		"ACCESSRELAY_API_KEY_FILE=key":     "",
		"ACCESSRELAY_REDISURL=redis://r":   `ACCESSRELAY_REDISURL: no such setting, did you mean "ACCESSRELAY_REDIS_URL"?`,
	} {
		if got := errText(CheckEnviron([]string{"PATH=/bin", environ})); got != want {
			t.Errorf("%s: %q, want %q", environ, got, want)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
