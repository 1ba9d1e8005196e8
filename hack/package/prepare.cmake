# SPDX-License-Identifier: Apache-2.0
# CPack runs this between the installation into its own folder and the packing: what Debian's policy wants to find under
# other names, or compressed.
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY})
set(doc ${root}/usr/share/doc/meshgateway)
set(zsh ${root}/usr/share/zsh)
set(ENV{LC_ALL} C)

function(run)
  execute_process(${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE ${doc}/LICENSE)
file(COPY_FILE ${CMAKE_CURRENT_LIST_DIR}/copyright ${doc}/copyright)
file(RENAME ${doc}/CHANGELOG.md ${doc}/changelog)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${doc}/changelog.Debian
  "meshgateway (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n"
  "  * Release ${CPACK_PACKAGE_VERSION}; changelog.gz tells what is new.\n\n"
  " -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
file(GLOB texts ${root}/usr/share/man/man1/*.1)
run(COMMAND gzip -9n ${texts} ${doc}/changelog ${doc}/changelog.Debian)
file(RENAME ${zsh}/site-functions ${zsh}/vendor-completions)

run(COMMAND chmod -R u=rwX,go=rX ${root})
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  run(COMMAND find ${root} -exec touch -h -d @$ENV{SOURCE_DATE_EPOCH} {} +)
endif()
