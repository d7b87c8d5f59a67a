using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>The page on stores of one's own shows the example that the tests run, and the port as it is.</summary>
public sealed class CustomStorePageTests
{
    private static readonly string s_root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../.."));

    [Fact]
    public void The_page_has_the_whole_example_which_is_short()
    {
        var example = Lines("tests/AkkaRegenCache.Core.Tests/Storage/ExampleStore.cs").TrimEnd('\n');
        Assert.Contains($"```csharp\n{example}\n```\n", Page, StringComparison.Ordinal);
        Assert.InRange(example.Split('\n').Length, 1, 100);
    }

    [Fact]
    public void The_page_names_the_members_and_figures_that_there_are()
    {
        Assert.All(typeof(ICompareAndSetStore).GetMethods(), member => Assert.Contains($"{member.Name}(", Page, StringComparison.Ordinal));
        Assert.Equal(3, typeof(ICompareAndSetStore).GetMethods().Length);
        Assert.Contains($"at most {CompareAndSetExternalStore.MaximumNameLength} of", Page, StringComparison.Ordinal);
        Assert.Contains($"up to {CompareAndSetExternalStore.Attempts} times", Page, StringComparison.Ordinal);
    }

    private static string Page => Lines("docs/guide/custom-store.md");

    private static string Lines(string path) => File.ReadAllText(Path.Combine(s_root, path)).ReplaceLineEndings("\n");
}
