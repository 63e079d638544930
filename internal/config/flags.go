package config

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"accessrelay/internal/ops"

	"github.com/alecthomas/kong"
)

// envPrefix is that of every setting's environment variable.
const envPrefix = "ACCESSRELAY_"

// ErrHelp says that help or the version was asked for and has been written:
// there is nothing to run, and nothing went wrong.
var ErrHelp = errors.New("help was asked for")

// CheckEnviron refuses an environment (as os.Environ gives it) with a variable
// ACCESSRELAY_… that is no setting of any program, as the Parse functions do.
func CheckEnviron(environ []string) error { return checkEnv(variables(environ)) }

// variables are those of environ that are meant for the relay.
func variables(environ []string) map[string]string {
	env := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(k, envPrefix) {
			env[k] = v
		}
	}
	return env
}

// envName is the variable behind a flag.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Given says how settings were given. The zero Given takes all for flags.
type Given struct{ names map[string]string } // by flag, where it was none

// aboutFlag matches a text that begins with a flag's name, as every error about
// a setting does.
var aboutFlag = regexp.MustCompile(`^--([a-z-]+): `)

// Message is the text of err. If it begins with a flag whose value came from
// elsewhere that is named in the flag's place: its variable, or the setting with the
// file that it was read from.
func (g Given) Message(err error) string {
	text := err.Error()
	if m := aboutFlag.FindStringSubmatch(text); len(m) == 2 && g.names[m[1]] != "" {
		return g.names[m[1]] + ": " + strings.TrimPrefix(text, m[0])
	}
	return text
}

// parseFlags fills the strings of flags from args and, behind them, environ.
// kong reads the command line and prints the help; it is not given the
// variables, because it looks into the process's own environment only.
func parseFlags(name, about string, flags any, args, environ []string, stdout io.Writer) (*settingsReader, error) {
	env := variables(environ)
	p := &settingsReader{given: Given{map[string]string{}}}
	answered := false
	var version struct {
		Version kong.VersionFlag `help:"Print the version and exit."`
	}
	app, err := kong.New(flags,
		kong.Name(name),
		kong.Description(about),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoAppDescFormat: true, WrapUpperBound: 110}),
		kong.ValueFormatter(describe),
		kong.Embed(&version),
		kong.Vars{"version": name + " " + ops.ThisBuild().String()},
		kong.Writers(stdout, stdout),
		kong.Exit(func(int) { answered = true }),
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			v, ok := env[envName(flag.Name)]
			if !ok {
				return nil, nil
			}
			p.given.names[flag.Name] = envName(flag.Name)
			return v, nil
		})))
	if err != nil {
		return nil, fmt.Errorf("setting up the flags of %s: %w", name, err)
	}
	_, err = app.Parse(args)
	switch {
	case answered: // kong goes on after it has answered
		return nil, ErrHelp
	case err != nil && strings.HasPrefix(err.Error(), "unexpected argument"):
		return nil, errors.New("takes flags only, no arguments; see --help") // kong's text repeats what may be a secret
	case err != nil:
		msg, _, noValue := strings.Cut(err.Error(), ": expected string value")
		if noValue {
			msg += ": needs a value"
		}
		return nil, fmt.Errorf("%s; see --help", oneLine(msg))
	}
	return p, checkEnv(env)
}

// describe is the help of one flag, with the variable and the default.
func describe(v *kong.Value) string {
	if v.Flag == nil || v.Name == "help" || v.Name == "version" {
		return v.Help
	}
	s := v.Help + " $" + envName(v.Name)
	if v.HasDefault {
		s += ", default " + v.Default
	}
	return s
}

// toolSettings are what relayctl alone reads from the environment. A program
// that is started from the same shell ignores them.
var toolSettings = []string{"api-url", "api-key-file", "tenant-id"}

// settingNames are the flags of both programs.
func settingNames() []string {
	var out []string
	for _, flags := range []any{&ingestFlags{}, &workerFlags{}} {
		app, err := kong.New(flags, kong.NoDefaultHelp())
		if err != nil {
			continue // parseFlags says so
		}
		for _, f := range app.Model.Flags {
			if !slices.Contains(out, f.Name) {
				out = append(out, f.Name)
			}
		}
	}
	return out
}

// serviceLink matches the variables that Kubernetes gives to every container
// for a Service, here one whose name begins with accessrelay.
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// checkEnv refuses variables that are of no program: a misspelt one would leave
// a default in force in silence.
func checkEnv(env map[string]string) error {
	var known []string
	for _, name := range append(settingNames(), toolSettings...) {
		known = append(known, envName(name))
	}
	names := make([]string, 0, len(env))
	for name := range env {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch {
		case slices.Contains(known, name), serviceLink.MatchString(name):
		case strings.HasSuffix(name, "_PORT") && strings.Contains(env[name], "://"): // of Kubernetes as well
		default:
			return fmt.Errorf("%s: no such setting%s", name, didYouMean(name, known))
		}
	}
	return nil
}
