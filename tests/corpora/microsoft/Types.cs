// What Microsoft's own parser of T-SQL (ScriptDom, of 2019) makes of batches: reads them from a file, separated by NUL, and prints a line for
// each: `!` and the first error, or the types of all its statements, nested ones too, and what of its expressions matters.
using System;
using System.Collections.Generic;
using System.IO;
using System.Text;
using Microsoft.SqlServer.TransactSql.ScriptDom;

class Found : TSqlFragmentVisitor
{
    public readonly List<string> Words = new List<string>();

    public override void Visit(TSqlStatement s) { Words.Add(s.GetType().Name); }
    public override void Visit(SelectStatement s) { if (s.Into != null) Words.Add(Temporary(s.Into) ? "IntoTemporary" : "Into"); }
    public override void Visit(NextValueForExpression s) { Words.Add("NextValue"); }
    public override void Visit(OpenQueryTableReference s) { Words.Add("Remote"); }
    public override void Visit(OpenRowsetTableReference s) { Words.Add("Remote"); }
    public override void Visit(BulkOpenRowset s) { Words.Add("Remote"); }
    public override void Visit(AdHocTableReference s) { Words.Add("Remote"); }
    public override void Visit(NamedTableReference s)
    {
        var server = s.SchemaObject.ServerIdentifier;
        if (server != null && server.Value != "") Words.Add("Remote");
    }
    public override void Visit(OutputIntoClause s)
    {
        var table = s.IntoTable as NamedTableReference;
        if (table != null) Words.Add(Temporary(table.SchemaObject) ? "IntoTemporary" : "Into");
    }
    public override void Visit(ExecuteSpecification s)
    {
        if (s.LinkedServer != null) Words.Add("Remote");
        if (s.ExecuteContext != null) Words.Add("Impersonation");
    }
    public override void Visit(DataModificationTableReference s) { Words.Add("NestedChange"); }

    static bool Temporary(SchemaObjectName n)
    {
        var name = n.BaseIdentifier.Value;
        return name.StartsWith("#") && !name.StartsWith("##");
    }
}

class Types
{
    static void Main(string[] args)
    {
        var parser = new TSql150Parser(true);
        var output = new StreamWriter(args[1], false, new UTF8Encoding(false));
        foreach (var batch in Encoding.UTF8.GetString(File.ReadAllBytes(args[0])).Split('\0'))
        {
            IList<ParseError> errors;
            TSqlFragment tree;
            try
            {
                tree = parser.Parse(new StringReader(batch), out errors);
            }
            catch (Exception e)
            {
                output.WriteLine("! " + e.GetType().Name);
                continue;
            }
            if (errors.Count > 0)
            {
                output.WriteLine("! " + errors[0].Message.Replace('\n', ' ').Replace('\r', ' '));
                continue;
            }
            var found = new Found();
            tree.Accept(found);
            output.WriteLine(((TSqlScript)tree).Batches.Count + " " + string.Join(" ", found.Words.ToArray()));
        }
        output.Close();
    }
}
