/* SPDX-License-Identifier: Apache-2.0 */
#include "templates/common.h"
#include "templates/kinds.h"

#include <string.h>
#include <strings.h>

#define STATUS_PORT      15021
#define STATUS_PORT_NAME "status-port"

/*
 * Whether status-port can be added: not when a port of the user's has its number, whatever the
 * protocol (some load balancers keep one listener a number), or its name. It is left out then
 * rather than renamed, because the user has spoken about that port.
 */
static bool status_port_fits(const json_t *ports)
{
    size_t i;
    json_t *port;
    json_array_foreach (ports, i, port) {
        if (jx_int(port, "port", 0) == STATUS_PORT)
            return false;
        if (strcasecmp(jx_str(port, "name", ""), STATUS_PORT_NAME) == 0)
            return false;
    }
    return true;
}

/* status-port comes first: cloud load balancers take the first port for their health check. */
static json_t *service_ports(const struct meshgateway *gw)
{
    json_t *ports = json_array();
    if (status_port_fits(gw->ports))
        json_array_append_new(ports,
                              OBJ(F("name", STR(STATUS_PORT_NAME)),
                                  F("port", INT(STATUS_PORT)),
                                  F("protocol", STR("TCP")),
                                  F("targetPort", INT(STATUS_PORT))));
    json_array_extend(ports, (json_t *)(uintptr_t)gw->ports);
    return ports;
}

json_t *service_render(const struct meshgateway *gw)
{
    json_t *spec = OBJ(F("type", STR(gw->service_type)),
                       F("selector", common_selector(gw)),
                       F("ports", service_ports(gw)));
    /* All other members of the group are fields of a ServiceSpec under the same names. */
    jx_update(spec, gw->service);
    json_object_del(spec, "metadata");
    return common_object(gw,
                         &object_service,
                         gw->name,
                         jx_object(gw->service, "metadata.labels"),
                         jx_object(gw->service, "metadata.annotations"),
                         spec);
}
