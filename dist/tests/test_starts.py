"""What the packages need of the server: it starts however a host of bundles or a catalogue starts it."""

import unittest

from . import given, handshake

DATABASE = {"MSSQL_HOST": "127.0.0.1,9", "MSSQL_USER": "u", "MSSQL_PASSWORD": "p"}


def tools(folder, **variables):
    with handshake.Client([given.BINARY, "stdio"], given.environment(folder, **variables)) as client:
        client.begin()
        return client.call(2, "tools/list")["tools"]


class Starts(unittest.TestCase):
    def test_tools_are_listed_where_all_of_the_configuration_is_there(self):
        with given.empty() as folder:
            self.assertTrue(tools(folder, **DATABASE))

    def test_a_setting_that_a_host_left_as_it_is_written_counts_as_unset(self):
        with given.empty() as folder:
            self.assertTrue(tools(folder, **DATABASE, MSSQL_ENCRYPT="${user_config.encrypt}"))

    def test_tools_are_listed_without_any_configuration_as_catalogues_start_a_server(self):
        with given.empty() as folder:
            self.assertTrue(tools(folder))
