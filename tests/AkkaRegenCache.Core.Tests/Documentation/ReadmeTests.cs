using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Documentation;

/// <summary>The README's first example compiles and does what it says: it is the code between the marks in this file, word for word.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string s_root = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../.."));

    [Fact]
    public async Task The_example_of_the_README_gives_the_value_after_one_run()
    {
        var builder = Host.CreateApplicationBuilder();
        var shop = new Shop();
        builder.Services.AddSingleton<IShop>(shop).AddSingleton<Products>();

        // README: begin
        builder.Services.AddRegenCache("catalog").AddKeyspace(
            "products",
            async (services, id, ct) => await services.GetRequiredService<IShop>().FindAsync(id, ct),   // each run has its own scope
            new RegenEntryOptions
            {
                RegenerationInterval = TimeSpan.FromMinutes(1),   // made again every minute, by one node …
                InactiveRetention = TimeSpan.FromMinutes(10),     // … until no node has read it for ten minutes
            });
        // README: end

        using var host = builder.Build();
        await host.StartAsync();
        var products = host.Services.GetRequiredService<Products>();

        Assert.Equal("product 42", (await products.GetAsync("42", default))?.Name);
        Assert.Equal("product 42", (await products.GetAsync("42", default))?.Name);
        Assert.Equal(1, shop.Runs);
        await host.StopAsync();
    }

    [Fact]
    public void The_example_of_the_README_is_the_code_that_is_tested()
    {
        var source = Read("tests/AkkaRegenCache.Core.Tests/Documentation/ReadmeTests.cs");
        var tested = string.Join("\n\n", Marked().Matches(source).Select(match => Unindent(match.Groups[1].Value)));
        var shown = FirstExample().Match(Read("README.md")).Groups[1].Value.TrimEnd();

        Assert.Equal(tested, shown);
    }

    private static string Read(string file) => File.ReadAllText(Path.Combine(s_root, file)).ReplaceLineEndings("\n");

    private static string Unindent(string code)
    {
        var lines = code.TrimEnd().Split('\n');
        var indent = lines[0].Length - lines[0].TrimStart().Length;
        return string.Join('\n', lines.Select(line => line.Length < indent ? line : line[indent..]));
    }

    [GeneratedRegex(@"^ *// README: begin\n(.*?)^ *// README: end", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Marked();

    [GeneratedRegex("^```csharp\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex FirstExample();

    private sealed class Shop : IShop
    {
        private int _runs;

        public int Runs => Volatile.Read(ref _runs);

        public Task<Product?> FindAsync(string id, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _runs);
            return Task.FromResult<Product?>(new Product($"product {id}"));
        }
    }
}

/// <summary>What the example takes its values from.</summary>
public interface IShop
{
    Task<Product?> FindAsync(string id, CancellationToken cancellationToken);
}

/// <summary>What the example caches.</summary>
public sealed record Product(string Name);

// README: begin
public sealed class Products(IRegenCache cache)
{
    public ValueTask<Product?> GetAsync(string id, CancellationToken ct) => cache.GetAsync<Product?>($"products:{id}", ct);
}
// README: end
