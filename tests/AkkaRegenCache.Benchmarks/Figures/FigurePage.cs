using System.Globalization;
using System.Text;
using System.Text.Json;

namespace AkkaRegenCache.Benchmarks.Figures;

/// <summary>
/// Makes the page of figures, and the table in the README between its two marks, from the recordings. With <c>--check</c> it only tells
/// whether they are what it would write.
/// </summary>
internal static class FigurePage
{
    private const string Begin = "<!-- figures: begin -->";
    private const string End = "<!-- figures: end -->";

    public static int Run(string[] args)
    {
        var directory = CommandLine.Value(args, "--in") ?? CommandLine.Directory;
        var page = CommandLine.Value(args, "--out") ?? "docs/reference/figures.md";
        var readme = CommandLine.Value(args, "--readme") ?? "README.md";
        var recordings = Directory.EnumerateFiles(directory, "*.json").Where(file => Path.GetFileName(file) != FigureFiles.Earlier)
            .Select(file => Read<Recording>(file)).OrderBy(recording => recording.Name, StringComparer.Ordinal).ToList();
        var earlierFile = Path.Combine(directory, FigureFiles.Earlier);
        var earlier = File.Exists(earlierFile) ? Read<List<EarlierFigure>>(earlierFile) : [];
        FigureRow[] rows = [.. FigureRows.All, .. recordings.SelectMany(FigureRows.Of)];
        var byName = recordings.ToDictionary(recording => recording.Name, StringComparer.Ordinal);
        var unknown = byName.Keys.Where(name => rows.All(row => row.Recording != name)).ToList();
        if (unknown.Count > 0)
        {
            Console.Error.WriteLine($"No row is made from: {string.Join(", ", unknown)}. Add one to FigureRows.");
            return 1;
        }

        (string File, string Text)[] files =
        [
            (page, Page(rows, byName, earlier)),
            (readme, InReadme(File.ReadAllText(readme), rows, byName)),
        ];
        if (args.Contains("--check"))
        {
            var stale = files.Where(each => !File.Exists(each.File) || File.ReadAllText(each.File) != each.Text).ToList();
            foreach (var (file, _) in stale)
                Console.Error.WriteLine($"{file} is not what the recordings give; run this without --check.");
            return stale.Count == 0 ? 0 : 1;
        }

        foreach (var (file, text) in files)
            File.WriteAllText(file, text);
        return 0;
    }

    private static T Read<T>(string file) =>
        JsonSerializer.Deserialize<T>(File.ReadAllText(file), FigureFiles.Json) ?? throw new InvalidDataException($"{file} holds nothing.");

    private static string Page(FigureRow[] rows, Dictionary<string, Recording> recordings, List<EarlierFigure> earlier)
    {
        var text = new StringBuilder();
        Line("<!-- Generated: dotnet run -c Release --project tests/AkkaRegenCache.Benchmarks -- figures. Don't edit. -->");
        Line("# Figures");
        Line();
        Line("Each figure names its run. [The runs](#runs) are listed with commit, date, machine and command, and kept as JSON in");
        Line("[figures/](figures/). Commands are run from the repository's root. How to record one: [below](#how-to-record-a-figure).");
        Line();
        Line("A *wrong answer* is a wrong value. An answer that didn't come in time is a *timeout* and is counted apart.");
        foreach (var section in rows.Where(row => recordings.ContainsKey(row.Recording)).GroupBy(row => row.Section))
        {
            Line();
            Line($"## {section.Key}");
            Line();
            Line("| figure | measured | goal | run | commit | date |");
            Line("| --- | --- | --- | --- | --- | --- |");
            foreach (var row in section)
            {
                var recording = recordings[row.Recording];
                var measured = row.Measured(recording.Result);
                var run = $"[{recording.Name}](#runs) | {Commit(recording)} | {Date(recording)}";
                Line($"| {row.Figure} | {measured} | {row.Goal} | {run} |");
            }

            if (section.Key == FigureRows.HitRatios)
            {
                Line();
                Line("Nothing expires in these runs. The ratios vary by ±0.05 from run to run, as the key hash is random. The traces are");
                Line("cache2k-benchmark's `web07` and the first 1.5 million requests of `orm-night` (CC BY 4.0): gzip over big-endian 32-bit");
                Line("keys. They are not in this repository.");
            }
        }

        Line();
        Line("## Runs");
        Line();
        Line("The load is the average of the minute before the run. Where it is above the number of cores, other work ran beside the");
        Line("measurement: read ratios, not times.");
        Line();
        Line("| run | command | commit | date (UTC) | machine | load | exit code |");
        Line("| --- | --- | --- | --- | --- | --- | --- |");
        foreach (var (name, recording) in recordings)
        {
            var machine = recording.Machine;
            var load = machine.LoadBefore?.ToString(CultureInfo.InvariantCulture) ?? "–";
            Line(string.Create(
                CultureInfo.InvariantCulture,
                $"| [{name}](figures/{name}.json) | `{recording.Command}` | {Commit(recording)} | {recording.Date:yyyy-MM-dd HH:mm} | "
                + $"{machine.Cores} cores, {machine.Os}, .NET {machine.Dotnet} | {load} | {recording.ExitCode} |"));
        }

        if (recordings.Values.Any(recording => recording.Modified))
        {
            Line();
            Line("A commit with a `+` had changes in its sources that were not committed yet.");
        }

        if (earlier.Count > 0)
        {
            Line();
            Line("## Measured on an earlier commit");
            Line();
            Line("These have not been measured again since, and there is no JSON of them. Commit and date are those at which the figure was written");
            Line("down; it was measured on that commit or shortly before. All on two shared, noisy cores.");
            foreach (var section in earlier.GroupBy(figure => figure.Section))
            {
                Line();
                Line($"### {section.Key}");
                Line();
                Line("| figure | measured | goal | command | commit | date |");
                Line("| --- | --- | --- | --- | --- | --- |");
                foreach (var figure in section)
                    Line($"| {figure.Figure} | {figure.Measured} | {figure.Goal} | {figure.Command} | {figure.Commit} | {figure.Date} |");
            }
        }

        Line();
        Line("## How to record a figure");
        Line();
        Line("```bash");
        Line("benchmarks=\"dotnet run -c Release --project tests/AkkaRegenCache.Benchmarks\"");
        Line("$benchmarks -- record hits -- $benchmarks --no-build -- hits --json     # runs it, and writes docs/reference/figures/hits.json");
        Line("$benchmarks -- record simulation -- dotnet run -c Release --project tests/AkkaRegenCache.Simulation -- --seeds 1000 --json");
        Line("$benchmarks -- figures                                                  # writes this page and the README's table");
        Line("```");
        Line();
        Line("The first `dotnet run` builds the benchmarks, so the second one need not. Use `--no-build` for no other project: the commit that is");
        Line("recorded is the one that is checked out.");
        Line();
        Line("A scenario of the farm lab is recorded under a name that begins with `lab-`. A new kind of recording needs a row in");
        Line("`tests/AkkaRegenCache.Benchmarks/Figures/FigureRows.cs`.");
        return text.ToString();

        void Line(string line = "") => text.Append(line).Append('\n');
    }

    private static string InReadme(string readme, FigureRow[] rows, Dictionary<string, Recording> recordings)
    {
        var begin = readme.IndexOf(Begin, StringComparison.Ordinal);
        var end = readme.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin)
            return readme;
        var table = new StringBuilder().Append(Begin).Append('\n').Append("| figure | measured | goal |\n| --- | --- | --- |\n");
        foreach (var row in rows.Where(row => row.IsInReadme && recordings.ContainsKey(row.Recording)))
        {
            var measured = row.Measured(recordings[row.Recording].Result);
            table.Append(CultureInfo.InvariantCulture, $"| {row.Figure} | {measured} | {row.Goal} |\n");
        }

        return readme[..begin] + table + readme[end..];
    }

    private static string Commit(Recording recording) => recording.Modified ? recording.Commit + "+" : recording.Commit;

    private static string Date(Recording recording) => recording.Date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
