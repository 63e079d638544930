package relayctl

import (
	"fmt"

	"accessrelay/internal/ops"
)

type versionCmd struct{}

// Help implements kong.HelpProvider.
func (versionCmd) Help() string { return "Example:\n\n    relayctl version" }

// Run prints the version.
func (versionCmd) Run(t *Terminal) error {
	fmt.Fprintln(t.Out, versionLine())
	return nil
}

func versionLine() string { return "relayctl " + ops.ThisBuild().String() }
