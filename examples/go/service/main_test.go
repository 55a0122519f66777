package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"keyward.example/token/keywardtest"
)

func TestFeaturesFollowTheLicense(t *testing.T) {
	folder := t.TempDir()
	s := service{license: filepath.Join(folder, "license.jwt"), jwks: filepath.Join(folder, "jwks.json"), product: "server"}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	get := func(path string) int {
		recorder := httptest.NewRecorder()
		s.routes().ServeHTTP(recorder, httptest.NewRequest("GET", path, nil))
		return recorder.Code
	}
	expect := func(what string, home, reports int) {
		t.Helper()
		if seen := []int{get("/"), get("/reports")}; !reflect.DeepEqual(seen, []int{home, reports}) {
			t.Errorf("%s: %v", what, seen)
		}
	}
	license := func(vendor *keywardtest.Vendor, ends time.Time, features ...string) {
		claims := map[string]any{"features": append([]string{}, features...)}
		write(s.license, vendor.License(keywardtest.License{Claims: claims, EndsAt: ends})+"\n")
	}
	vendor, never := keywardtest.NewVendor("server"), time.Time{}
	write(s.jwks, vendor.JWKS())
	expect("no license yet", 402, 402)
	if get("/health") != 200 {
		t.Error("it is up without a license")
	}
	license(vendor, never, "reports")
	expect("with the feature", 200, 200)
	license(vendor, never)
	expect("without the feature", 200, 403)
	license(vendor, time.Unix(1_700_000_000, 0), "reports")
	expect("ended", 402, 402)
	license(keywardtest.NewVendor("basic"), never, "reports")
	expect("another product's", 402, 402)
	file := s.license
	s.license, s.key = "", vendor.License(keywardtest.License{Claims: map[string]any{"features": []string{"reports"}}})
	expect("the license itself", 200, 200)
	s.license = file
	vendor.RotateKey()
	license(vendor, never, "reports")
	expect("old keys", 402, 402)
	write(s.jwks, vendor.JWKS())
	expect("new keys", 200, 200)
}
