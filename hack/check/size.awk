# SPDX-License-Identifier: Apache-2.0
# Prints files longer than max_file lines and C functions (as clang-format lays them out: braces in
# the first column) longer than max_function lines, braces included.
function finish() {
    if (lines > max_file)
        print name ": " lines " lines"
}
FNR == 1 { finish(); name = FILENAME; start = 0; is_c = FILENAME ~ /\.[ch]$/ }
{ lines = FNR }
is_c && /^[a-zA-Z].*\(/ { signature = $0 }
is_c && /^{/ { start = FNR }
is_c && /^}/ && start {
    if (FNR - start + 1 > max_function)
        print FILENAME ":" start ": " FNR - start + 1 " lines: " signature
    start = 0
}
END { finish() }
