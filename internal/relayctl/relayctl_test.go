package relayctl

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"accessrelay/internal/secret"
)

// Every command teaches: what it is for, and an example that names it.
func TestHelp(t *testing.T) {
	for _, command := range []string{
		"dev", "send", "keygen secrets", "keygen api-key", "keygen p0", "config check", "dashboard", "inbox", "demo", "version",
		"deadletters list", "deadletters replay", "deadletters delete",
	} {
		got := relayctl(t, append(strings.Fields(command), "--help")...)
		if got.code != exitOK || got.err != "" || !strings.Contains(got.out, "\n    relayctl "+command) {
			t.Errorf("%s: %+v", command, got)
		}
	}
	got := relayctl(t, "--help")
	if got.code != exitOK || !strings.Contains(got.out, "\n    relayctl dev\n") {
		t.Errorf("%+v", got)
	}
	if asked := relayctl(t, "help"); asked != got {
		t.Errorf("help: %+v, want what --help says", asked)
	}
	if asked, want := relayctl(t, "help", "keygen", "p0"), relayctl(t, "keygen", "p0", "--help"); asked != want {
		t.Errorf("help keygen p0: %+v, want what --help says", asked)
	}
}

func TestCalledWrongly(t *testing.T) {
	for _, tt := range []struct {
		args, want string
	}{
		{"nonsense", "relayctl: unexpected argument nonsense; see relayctl --help\n"},
		{"dev --hooks-prot=1", "relayctl: unknown flag --hooks-prot, did you mean \"--hooks-port\"?; see relayctl dev --help\n"},
		{"help nonsense", "relayctl: unexpected argument nonsense; see relayctl --help\n"},
		{"keygen", "relayctl: expected one of \"secrets\", \"api-key\", \"p0\"; see relayctl keygen --help\n"},
		{"keygen secrets", "relayctl: missing flags: --out=FILE; see relayctl keygen secrets --help\n"},
		{"config check --for=nobody", "relayctl: --for must be one of \"ingest\",\"worker\",\"both\" but got \"nobody\"; see relayctl config check --help\n"},
		{"demo", "relayctl: missing flags: --config-dir=DIR, --sender-dir=DIR, --worker-dir=DIR; see relayctl demo --help\n"},
	} {
		got := relayctl(t, strings.Fields(tt.args)...)
		if got.code != exitUsage || got.err != tt.want || got.out != "" {
			t.Errorf("%s: %+v, want %q", tt.args, got, tt.want)
		}
	}
	got := relayctl(t)
	if got.code != exitUsage || got.out != "" || !strings.HasPrefix(got.err, "Usage: relayctl <command>") || !strings.HasSuffix(got.err, "relayctl: no command given\n") {
		t.Errorf("nothing: %+v", got)
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		got := relayctl(t, arg)
		if got.code != exitOK || !regexp.MustCompile(`^relayctl \S+ \(revision \S+, go1\.\S+\)\n$`).MatchString(got.out) {
			t.Errorf("%s: %+v", arg, got)
		}
	}
}

// What is printed to be pasted names the tool as a shell finds it.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "relayctl")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, called, want string }{
		{"/nowhere", "", "relayctl"},
		{"/nowhere", "relayctl", "relayctl"},
		{"/nowhere", path, path},
		{"/nowhere", "bin/relayctl", "bin/relayctl"},
		{"/nowhere", "/a b/relayctl", "'/a b/relayctl'"},
		{dir, path, "relayctl"},
		{dir, "bin/relayctl", "bin/relayctl"}, // another one
	} {
		t.Setenv("PATH", tt.path)
		if got := (&Terminal{Program: tt.called}).program(); got != tt.want {
			t.Errorf("called as %q with PATH=%s: %s, want %s", tt.called, tt.path, got, tt.want)
		}
	}
}

func TestKeygenSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "identity.txt")
	got := relayctl(t, "keygen", "secrets", "--out", file)
	recipient := strings.TrimSpace(got.out)
	if got.code != exitOK || got.out != recipient+"\n" {
		t.Fatalf("%+v", got)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	sealer, err := secret.NewSealer(recipient)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := sealer.Seal([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	identity, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := secret.NewOpener(strings.NewReader(string(identity)))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := opener.Open(sealed); err != nil || string(plain) != "x" {
		t.Errorf("the pair is none: %v", err)
	}

	got = relayctl(t, "keygen", "secrets", "--out", file)
	if got.code != exitFailed || got.out != "" || got.err != "relayctl: --out: "+file+": exists already, and is not overwritten\n" {
		t.Errorf("again: %+v", got)
	}
	if again, err := os.ReadFile(file); err != nil || string(again) != string(identity) {
		t.Error("the identity was overwritten")
	}
	got = relayctl(t, "keygen", "secrets", "--out", file+"/x")
	if got.code != exitFailed || got.err != "relayctl: --out: "+file+"/x: not a directory\n" {
		t.Errorf("no folder: %+v", got)
	}
}

func TestKeygenAPIKey(t *testing.T) {
	got := relayctl(t, "keygen", "api-key")
	m := regexp.MustCompile(`^key: (\S+)\nsha256: ([0-9a-f]{64})\n$`).FindStringSubmatch(got.out)
	if got.code != exitOK || m == nil || secret.HashAPIKey(m[1]) != m[2] {
		t.Errorf("%+v", got)
	}
	if again := relayctl(t, "keygen", "api-key"); again.out == got.out {
		t.Error("the same key twice")
	}
}

func TestKeygenP0(t *testing.T) {
	dir := t.TempDir()
	private, public := filepath.Join(dir, "private.pem"), filepath.Join(dir, "public.pem")
	if err := os.WriteFile(public, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := relayctl(t, "keygen", "p0", "--private", private, "--public", public)
	if got.code != exitFailed || got.err != "relayctl: --public: "+public+": exists already, and is not overwritten\n" {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(private); !os.IsNotExist(err) {
		t.Errorf("half a pair is left: %v", err)
	}
	if err := os.Remove(public); err != nil {
		t.Fatal(err)
	}
	if got = relayctl(t, "keygen", "p0", "--private", private, "--public", public); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	for file, mode := range map[string]os.FileMode{private: 0o600, public: 0o644} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
}
