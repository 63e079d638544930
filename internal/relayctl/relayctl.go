// Package relayctl is the operator's tool: its commands, each a struct with its
// flags and a Run method.
package relayctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"accessrelay/internal/devstack"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the command could not do its job, or found something wrong
	exitUsage  = 2 // it was called wrongly
)

// Terminal is what a command talks to.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	Environ  []string // as os.Environ gives it
	Program  string   // how the tool was called, as in os.Args[0]; empty: relayctl
	// AtKill, unless nil, is told what must be done even when the process is killed
	// before the command is done.
	AtKill func(last func())

	fromVariable map[string]string // what the command's flags got from the environment: flag to variable
}

// program is what a shell calls this tool by.
func (t *Terminal) program() string {
	const name = "relayctl"
	if t.Program == "" || t.Program == name || samePlace(name, t.Program) {
		return name
	}
	return quote(t.Program)
}

// samePlace reports whether a shell finds that very file under name on its PATH.
func samePlace(name, file string) bool {
	found, err := exec.LookPath(name)
	if err != nil {
		return false
	}
	a, errA := os.Stat(found)
	b, errB := os.Stat(file)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// lookup is os.LookupEnv of the terminal's environment.
func (t *Terminal) lookup(name string) (string, bool) {
	for _, kv := range slices.Backward(t.Environ) { // the last of a name counts
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v, true
		}
	}
	return "", false
}

// errReported ends a command that has said itself what is wrong.
var errReported = errors.New("reported")

// usageError is of a command that was called wrongly.
type usageError struct{ error }

func badUsage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

type commands struct {
	ShowVersion kong.VersionFlag `name:"version" help:"Print the version and exit."`

	Dev         devCmd         `cmd:"" help:"Run the whole relay in one process, to try it out."`
	Send        sendCmd        `cmd:"" help:"Sign and post sample webhooks, or your own, to a relay."`
	Keygen      keygenCmd      `cmd:"" help:"Make keys: for channel secrets, for the API, for a try with P0."`
	Config      configCmd      `cmd:"" help:"Check the file accessrelay.yaml."`
	Dashboard   dashboardCmd   `cmd:"" help:"Serve the dashboard of the queues (asynqmon)."`
	Inbox       inboxCmd       `cmd:"" help:"Serve an inbox: a destination to look at."`
	Demo        demoCmd        `cmd:"" help:"Prepare the keys and the file of a demo, as deploy/compose.yaml does."`
	Deadletters deadlettersCmd `cmd:"" help:"List, replay and delete deliveries that were given up."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

const about = `The operator's tool of accessrelay. To see the relay work, with nothing set up:

    relayctl dev`

// Run runs one command until it is done or ctx ends, and returns the exit code.
func Run(ctx context.Context, args []string, t Terminal) int {
	command, err := parse(args, &t)
	if err == nil && command != nil {
		command.BindTo(ctx, (*context.Context)(nil))
		command.Bind(&t)
		err = command.Run()
	}
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(t.Err, "relayctl: %s\n", t.message(err))
		return exitUsage
	}
	fmt.Fprintf(t.Err, "relayctl: %s\n", t.message(err))
	return exitFailed
}

// message is the text of err, which begins with a flag if it is about one. A
// value that came from a variable is named by that.
func (t *Terminal) message(err error) string {
	text := err.Error()
	if flag, what, ok := strings.Cut(text, ": "); ok && t.fromVariable[flag] != "" {
		return t.fromVariable[flag] + ": " + what
	}
	return text
}

// parse returns the command to run, or nil when help was asked for and given.
func parse(args []string, t *Terminal) (*kong.Context, error) {
	out := t.Out
	if len(args) == 0 {
		args, out = []string{"--help"}, t.Err
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	t.fromVariable = map[string]string{}
	answered := false
	var cli commands
	app, err := kong.New(&cli,
		kong.Name("relayctl"),
		kong.Description(about),
		kong.ConfigureHelp(kong.HelpOptions{
			Compact: true, NoAppDescFormat: true, NoExpandSubcommands: true, WrapUpperBound: 100,
		}),
		kong.ValueFormatter(describe),
		kong.Vars{"version": versionLine()},
		ports(devstack.DefaultPorts),
		kong.Writers(out, t.Err),
		kong.Exit(func(int) { answered = true }),
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
			if v, ok := t.lookup(variableOf(f.Value)); ok {
				t.fromVariable["--"+f.Name] = variableOf(f.Value)
				return v, nil
			}
			return nil, nil
		})))
	if err != nil {
		return nil, fmt.Errorf("setting up the commands: %w", err)
	}
	command, err := app.Parse(args)
	switch {
	case answered && out == t.Err:
		return nil, usageError{errors.New("no command given")}
	case answered: // kong goes on after it has answered
		return nil, nil //nolint:nilnil // nothing to run is no error
	case err != nil:
		return nil, badUsage("%s; see relayctl %s--help", oneLine(err.Error()), selected(app, args))
	}
	return command, nil
}

// variableOf is the environment variable behind a flag, or "".
func variableOf(v *kong.Value) string { return v.Tag.Get("variable") }

// describe is the help of one flag, with its variable and its default.
func describe(v *kong.Value) string {
	s := v.Help
	name := variableOf(v)
	switch {
	case !v.HasDefault && name != "":
		s += " $" + name + "."
	case name != "":
		s += " $" + name + ", default " + v.Default + "."
	case v.HasDefault:
		s += " Default " + v.Default + "."
	}
	return s
}

// selected is the command that args begin with, to be named in a hint.
func selected(app *kong.Kong, args []string) string {
	name, node := "", app.Model.Node
	for _, a := range args {
		i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == a })
		if i < 0 {
			break
		}
		name, node = name+a+" ", node.Children[i]
	}
	return name
}

// oneLine keeps a foreign text from breaking the line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// shortPath leaves out which call of the system an error of a file is about.
func shortPath(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("%s: %w", pe.Path, pe.Err)
	}
	return err
}
