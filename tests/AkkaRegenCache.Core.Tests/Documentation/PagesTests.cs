using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Documentation;

/// <summary>The pages of the documentation point at what is there, and the reference names all that it lists.</summary>
public sealed partial class PagesTests
{
    private static readonly string s_root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../.."));

    [Fact]
    public void Links_between_pages_and_to_files_of_the_repository_resolve()
    {
        var pages = Directory.EnumerateFiles(Path.Combine(s_root, "docs"), "*.md", SearchOption.AllDirectories).Append(Path.Combine(s_root, "README.md"));
        var broken = pages.SelectMany(page =>
            Links(page).Where(link => !Resolves(page, link)).Select(link => $"{Path.GetRelativePath(s_root, page)}: {link}"));

        Assert.Equal([], broken);
    }

    [Fact]
    public void The_page_of_options_names_every_option_of_the_core()
    {
        var page = File.ReadAllText(Path.Combine(s_root, "docs/reference/options.md"));
        var missing = new[] { typeof(RegenCacheOptions), typeof(RegenEntryOptions) }
            .SelectMany(type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            .Where(option => !page.Contains($"| `{option.Name}` |", StringComparison.Ordinal))
            .Select(option => $"{option.DeclaringType!.Name}.{option.Name}");

        Assert.Equal([], missing);
    }

    [Fact]
    public void The_page_of_log_events_names_every_event_of_the_packages()
    {
        var page = File.ReadAllText(Path.Combine(s_root, "docs/reference/log-events.md")).ReplaceLineEndings("\n");
        var ids = Directory.EnumerateFiles(Path.Combine(s_root, "src"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => Events().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value)).Distinct().ToList();

        Assert.True(ids.Count > 20, "The sources were not read.");
        Assert.All(ids, id => Assert.Contains($"\n| {id} |", page, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Links(string page)
    {
        var text = Fences().Replace(File.ReadAllText(page).ReplaceLineEndings("\n"), "");
        return Inline().Matches(text).Concat(References().Matches(text)).Select(match => match.Groups[1].Value)
            .Where(link => !link.StartsWith("http", StringComparison.Ordinal));
    }

    private static bool Resolves(string page, string link)
    {
        var parts = link.Split('#');
        var file = parts[0].Length == 0 ? page : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, parts[0]));
        return parts.Length == 1 ? Path.Exists(file) : File.Exists(file) && Anchors(file).Contains(parts[1]);
    }

    /// <summary>The anchors of a page's headings, as GitHub makes them.</summary>
    private static IEnumerable<string> Anchors(string page) =>
        Headings().Matches(Fences().Replace(File.ReadAllText(page).ReplaceLineEndings("\n"), ""))
            .Select(match => NotInAnchors().Replace(match.Groups[1].Value.ToLowerInvariant(), "").Replace(' ', '-'));

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fences();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Inline();

    [GeneratedRegex(@"^\[[^\]]+\]: (\S+)$", RegexOptions.Multiline)]
    private static partial Regex References();

    [GeneratedRegex("^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Headings();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();

    [GeneratedRegex(@"\[LoggerMessage\((?:EventId = )?(\d+)")]
    private static partial Regex Events();
}
