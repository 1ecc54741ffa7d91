package main

import (
	"os"
	"path/filepath"
	"testing"

	"torhaus/zitadelclient/zitadeltest"
)

// TestProvision creates the application in an emulated ZITADEL that answers
// administrator calls, and leaves it alone the second time.
func TestProvision(t *testing.T) {
	zitadel := zitadeltest.NewServer(t, zitadeltest.Config{Fixtures: true})
	admin := zitadel.AddServiceUser("provisioner", "IAM_OWNER")
	dir := t.TempDir()
	tokenFile, clientIDFile := filepath.Join(dir, "admin.pat"), filepath.Join(dir, "client-id")
	if err := os.WriteFile(tokenFile, []byte(admin.PAT+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := provisioner{api: zitadel.URL(), issuer: zitadel.Issuer(), auth: "http://auth.example.localhost:8400", app: "http://app.example.localhost:8500"}
	if err := provision(t.Context(), p, tokenFile, clientIDFile); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(clientIDFile)
	if err != nil || len(first) == 0 {
		t.Fatalf("client id %q, %v", first, err)
	}
	zitadel.ResetCalls()
	if err := provision(t.Context(), p, tokenFile, clientIDFile); err != nil || len(zitadel.Calls()) != 0 {
		t.Errorf("the second run: %v, %d calls", err, len(zitadel.Calls()))
	}
}

// TestProvisionTellsWhatZITADELSaid: an operator who reads the container's log
// learns why.
func TestProvisionTellsWhatZITADELSaid(t *testing.T) {
	zitadel := zitadeltest.NewServer(t, zitadeltest.Config{Fixtures: true})
	nobody := zitadel.AddServiceUser("nobody")
	dir := t.TempDir()
	tokenFile, clientIDFile := filepath.Join(dir, "admin.pat"), filepath.Join(dir, "client-id")
	if err := os.WriteFile(tokenFile, []byte(nobody.PAT), 0o600); err != nil {
		t.Fatal(err)
	}
	p := provisioner{api: zitadel.URL(), issuer: zitadel.Issuer()}
	if err := provision(t.Context(), p, tokenFile, clientIDFile); err == nil {
		t.Error("a service user without a role created an application")
	}
	if _, err := os.Stat(clientIDFile); err == nil {
		t.Error("a client id was written although there is none")
	}
}
