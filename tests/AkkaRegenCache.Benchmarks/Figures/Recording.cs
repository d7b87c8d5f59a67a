using System.Text.Json;
using System.Text.Json.Serialization;

namespace AkkaRegenCache.Benchmarks.Figures;

/// <summary>The machine that a run was measured on.</summary>
/// <param name="Cores">Logical processors that the process may use.</param>
/// <param name="Os">The operating system.</param>
/// <param name="Dotnet">The runtime.</param>
/// <param name="LoadBefore">
/// The load average of the minute before the run; null where the system has none. Above <paramref name="Cores"/> the machine was busy.
/// </param>
internal sealed record Machine(int Cores, string Os, string Dotnet, double? LoadBefore);

/// <summary>The envelope of a run: one file of <c>docs/reference/figures</c>.</summary>
internal sealed record Recording
{
    public required string Name { get; init; }

    /// <summary>When the run began, in UTC.</summary>
    public required DateTime Date { get; init; }

    /// <summary>The commit that was checked out.</summary>
    public required string Commit { get; init; }

    /// <summary>Whether sources differed from that commit.</summary>
    public bool Modified { get; init; }

    public required Machine Machine { get; init; }

    /// <summary>The command line, as it was given.</summary>
    public required string Command { get; init; }

    public int ExitCode { get; init; }

    public double Seconds { get; init; }

    /// <summary>The last line of JSON that the command printed.</summary>
    public required JsonElement Result { get; init; }
}

/// <summary>A figure of an earlier commit that has not been measured again, in the words of that time.</summary>
internal sealed record EarlierFigure(
    string Section, string Figure, string Measured, string Goal, string Command, string Commit, string Date);

/// <summary>The format of the files.</summary>
internal static class FigureFiles
{
    /// <summary>The file of <see cref="EarlierFigure"/>s, beside the recordings.</summary>
    public const string Earlier = "earlier.json";

    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };
}
