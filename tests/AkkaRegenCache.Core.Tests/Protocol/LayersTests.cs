using System.Text.RegularExpressions;
using AkkaRegenCache.Protocol;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Protocol;

/// <summary>The house keeps its shape: no two folders need each other, and no part of the agent knows one above it.</summary>
public sealed partial class LayersTests
{
    /// <summary>Pairs that still need each other. None may be added.</summary>
    private static readonly string[] s_known =
    [
        "AkkaRegenCache.Core/Notifications <-> AkkaRegenCache.Core/Storage",
        "AkkaRegenCache/Actors <-> AkkaRegenCache/Hosting",
        "AkkaRegenCache/Hosting <-> AkkaRegenCache/Messages",
        "AkkaRegenCache/Hosting <-> AkkaRegenCache/Storage",
    ];

    private static readonly string s_source = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../../src"));

    [Fact]
    public void No_two_folders_of_a_package_need_each_other()
    {
        var files = Folders().SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs").Select(file => (
            Folder: Path.GetRelativePath(s_source, folder).Replace('\\', '/'), Code: Words().Replace(File.ReadAllText(file), "")))).ToList();
        var homes = files
            .SelectMany(file => Declarations().Matches(file.Code).Select(match => (Type: match.Groups[1].Value, file.Folder)))
            .Distinct().GroupBy(pair => pair.Type).Where(group => group.Count() == 1).ToDictionary(group => group.Key, group => group.Single().Folder);
        var arrows = files
            .SelectMany(file => Names().Matches(file.Code).Select(match => homes.GetValueOrDefault(match.Value)).OfType<string>()
                .Where(home => home != file.Folder && Package(home) == Package(file.Folder)).Select(home => (From: file.Folder, To: home)))
            .ToHashSet();

        Assert.True(arrows.Count > 40, "The sources were not read.");
        var both = arrows.Where(arrow => string.CompareOrdinal(arrow.From, arrow.To) < 0 && arrows.Contains((arrow.To, arrow.From)))
            .Select(arrow => $"{arrow.From} <-> {arrow.To}").Order(StringComparer.Ordinal);
        Assert.Equal(s_known, both);

        static string Package(string folder) => folder.Split('/')[0];
    }

    [Fact]
    public void The_agent_is_one_stack_of_parts()
    {
        var parts = typeof(Component).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Component)) && !type.IsAbstract).ToList();
        Assert.True(parts.Count > 15, "The parts were not found.");
        foreach (var part in parts)
        {
            // What a part is given when it is made is below it: nothing else gives it another one.
            var below = Assert.Single(part.GetConstructors()).GetParameters().Select(parameter => parameter.ParameterType).ToHashSet();
            var fields = part.GetFields(System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Public);
            Assert.All(fields, field => Assert.True(
                !field.FieldType.IsSubclassOf(typeof(Component)) || (below.Contains(field.FieldType) && field.IsInitOnly | field.Name.StartsWith('<')),
                $"{part.Name} has {field.FieldType.Name}, which is not below it."));
        }
    }

    /// <summary>Folders with sources, but for the packages' own: there is what their users see, which all the rest serves.</summary>
    private static IEnumerable<string> Folders() => Directory.EnumerateDirectories(s_source, "*", SearchOption.AllDirectories).Where(folder =>
        Path.GetRelativePath(s_source, folder).Split('/', '\\') is { Length: > 1 } path && !path.Contains("bin") && !path.Contains("obj") && path[0] != "AkkaRegenCache.Demo");

    [GeneratedRegex("""//[^\n]*|"(\\.|[^"\\\n])*"|^using [^\n]*""", RegexOptions.Multiline)]
    private static partial Regex Words();

    [GeneratedRegex("""^(?:public|internal)\s+(?:sealed |static |abstract |partial |readonly )*(?:class|record struct|record|struct|enum|interface) (\w+)""", RegexOptions.Multiline)]
    private static partial Regex Declarations();

    /// <summary>Types as they are named; not members that have the same name as a type: after a point, or where they are declared or called.</summary>
    [GeneratedRegex(@"(?<=\b(?:new|is|as|case|:) )[A-Z]\w*|(?<![\w.]|(?:int|long|bool|string|[A-Z][\w<>?]*) )[A-Z]\w*\b(?!\s*(?:=|\{|\(|;))")]
    private static partial Regex Names();
}
