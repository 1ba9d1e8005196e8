// SPDX-License-Identifier: Apache-2.0

// What the image cert-manager-acmesolver holds: answers one challenge, with the flags that cert-manager renders.
package main

import (
	"flag"
	"os"

	"github.com/cert-manager/cert-manager/pkg/issuer/acme/http/solver"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
)

func main() {
	var s solver.HTTP01Solver
	flag.IntVar(&s.ListenPort, "listen-port", 8089, "")
	flag.StringVar(&s.Domain, "domain", "", "")
	flag.StringVar(&s.Token, "token", "", "")
	flag.StringVar(&s.Key, "key", "", "")
	flag.Parse()
	logf.InitLogs()
	if err := s.Listen(logf.Log); err != nil {
		logf.Log.Error(err, "cannot serve")
		os.Exit(1)
	}
}
