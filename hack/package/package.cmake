# SPDX-License-Identifier: Apache-2.0
# The Debian package, by CPack: `cpack` in the build folder. With SOURCE_DATE_EPOCH set, the same build gives the
# same bytes.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "meshgateway maintainers <maintainers@meshgateway.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/prepare.cmake)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Turns MeshGateway resources into running Istio gateways: a Deployment with
Istio's proxy, a Service, an autoscaler, and certificates by cert-manager.

The program is the operator itself and a plugin of kubectl: it renders and
checks MeshGateways, and shows how those of a cluster stand. The manifests
of the operator are in /usr/share/meshgateway.")
include(CPack)
