/// Who may read which rows of PostgreSQL.
///
/// The owner of the tables is bound by none of it. `RowScope.writerRole` reads and writes every row; `RowScope.readerRole`
/// reads the tables that lists of objects are made of, and of them what the settings of its transaction name. The log is not
/// among them: of that each event is judged by itself (`View`), and a policy would be asked about far more than is read.
extension Migration {
    /// What the policies ask; a part of `postgresFoundation`. They answer with the owner's rights where what they look at is
    /// narrowed by their answer (`Dialect.secureTables`); in PL/pgSQL, because of a function in SQL that is not inlined each
    /// call plans every statement.
    static let postgresRowSecurity: [String] = [
        """
        CREATE FUNCTION reader_sees_all() RETURNS BOOLEAN LANGUAGE sql STABLE AS $$
            SELECT current_setting('fleet_coordination.sees_all', TRUE) IS NOT DISTINCT FROM 'on'
        $$
        """,
        """
        CREATE FUNCTION reader_fleets() RETURNS TEXT[] LANGUAGE sql STABLE AS $$
            SELECT string_to_array(COALESCE(current_setting('fleet_coordination.fleets', TRUE), ''), ',')
        $$
        """,
        """
        CREATE FUNCTION reader_coordinates() RETURNS UUID[] LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
        BEGIN
            RETURN CAST(string_to_array(COALESCE(current_setting('fleet_coordination.federations', TRUE), ''), ',')
                AS UUID[])
                || ARRAY(SELECT federation_id FROM fleet_federations
                    WHERE created_by = current_setting('fleet_coordination.subject', TRUE))
                || ARRAY(SELECT federation_id FROM fleet_federation_members
                    WHERE fleet_id = ANY (reader_fleets()) AND role = 'coordinator' AND status = 'active');
        END $$
        """,
        """
        CREATE FUNCTION reader_federations() RETURNS UUID[] LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
        BEGIN
            RETURN reader_coordinates()
                || ARRAY(SELECT federation_id FROM fleet_federation_members WHERE fleet_id = ANY (reader_fleets()));
        END $$
        """,
        "CREATE INDEX fleet_federations_by_creator ON fleet_federations (created_by)",
    ]

    /// The tables that lists are made of, each with what ties a reader to a row.
    static let postgresPolicies: [(table: String, condition: String)] = [
        ("fleets", isMet("fleets")), ("resources", isMet("resources")),
        ("fleet_federations", isOfFederations),
        ("fleet_federation_members", "\(isOf("fleet_id")) OR \(isOfFederations)"),
        ("fleet_quotas", "\(isOf("fleet_id")) OR \(isCoordinated)"),
        ("coordination_metrics", isCoordinated),
        ("allocations", "\(isOf("target_fleet_id")) OR \(isCoordinated)"),
        ("resource_sharing", "\(isOf("source_fleet_id")) OR \(isOf("target_fleet_id")) OR \(isCoordinated)"),
        ("communication_logs", "\(isOf("source_fleet_id")) OR \(isOf("target_fleet_id")) OR \(isCoordinated)"),
        ("webhooks", isOf("fleet_id")),
        ("api_keys", "created_by = (SELECT current_setting('fleet_coordination.subject', TRUE))"),
    ]

    /// Each function is asked once a statement: as a subquery without a tie to the row.
    private static func isOf(_ column: String) -> String {
        "\(column) = ANY (CAST((SELECT reader_fleets()) AS TEXT[]))"
    }
    private static let isCoordinated = "federation_id = ANY (CAST((SELECT reader_coordinates()) AS UUID[]))"
    private static let isOfFederations = "federation_id = ANY (CAST((SELECT reader_federations()) AS UUID[]))"

    /// That a table's fleet is the reader's, or in a federation with it.
    private static func isMet(_ table: String) -> String {
        """
        \(isOf("fleet_id")) OR EXISTS (SELECT 1 FROM fleet_federation_members AS m
            WHERE m.fleet_id = \(table).fleet_id AND m.\(isOfFederations))
        """
    }
}
