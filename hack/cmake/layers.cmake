# SPDX-License-Identifier: Apache-2.0

# mg_layer(<name> SOURCES <file>... [LINK <target>...])
# One static library a layer. What it may include is what it links: see the layer table in operator/README.md.
# The include root is the parent of the layer's folder, so that an include shows its layer: "base/err.h", "templates/templates.h".
function(mg_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(mg_${name} STATIC ${ARG_SOURCES})
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR PARENT_PATH root)
  target_include_directories(mg_${name} PUBLIC ${root} ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(mg_${name} PUBLIC mg_flags ${ARG_LINK})
endfunction()
