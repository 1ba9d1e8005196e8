# SPDX-License-Identifier: Apache-2.0
# Every compiler flag of the project, on one interface target that all layers link.
add_library(mg_flags INTERFACE)

target_compile_options(mg_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wformat=2 -Wundef -Wvla -Walloca -Wcast-qual -Wwrite-strings
  -Wpointer-arith -Wnull-dereference -Wdouble-promotion -Wdate-time
  -fno-common -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(mg_flags INTERFACE
    -Wformat-signedness -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init
    -Wimplicit-fallthrough=5 -Wcast-align=strict -Wtrampolines)
endif()
if(MG_WERROR)
  target_compile_options(mg_flags INTERFACE -Werror)
endif()

if(MG_SANITIZE)
  target_compile_options(mg_flags INTERFACE
    -fsanitize=${MG_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(mg_flags INTERFACE -fsanitize=${MG_SANITIZE})
endif()

# The fuzzer steers by the coverage of the code under test, so every layer is instrumented.
if(MG_FUZZ)
  target_compile_options(mg_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Sanitizers bring their own checks, and fortified functions need an optimised build.
if(MG_HARDEN AND NOT MG_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(MG_HARDENED TRUE)
  target_compile_options(mg_flags INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|i[3-6]86")
    target_compile_options(mg_flags INTERFACE -fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    target_compile_options(mg_flags INTERFACE -mbranch-protection=standard)
  endif()
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(mg_flags INTERFACE -ftrivial-auto-var-init=zero)
  endif()
  target_link_options(mg_flags INTERFACE
    -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--as-needed)
endif()

target_compile_definitions(mg_flags INTERFACE _GNU_SOURCE)
