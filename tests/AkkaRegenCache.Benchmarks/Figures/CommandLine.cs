namespace AkkaRegenCache.Benchmarks.Figures;

/// <summary>What the commands about figures have in common.</summary>
internal static class CommandLine
{
    /// <summary>Where recordings are kept, from the repository's root.</summary>
    public const string Directory = "docs/reference/figures";

    /// <summary>The argument after an option; null where the option isn't given.</summary>
    public static string? Value(string[] args, string option) =>
        Array.IndexOf(args, option) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}
