using System.Diagnostics;
using AkkaRegenCache.Testing;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Hosting;

/// <summary>
/// An application without reflection-based JSON: as it is built here, and, where <c>REGENCACHE_TESTS=full</c>, published as native code, which takes the compiler's
/// package and a linker.
/// </summary>
public sealed class AotTests
{
    private const string BuiltHere = "as it is built here";
    private const string Native = "compiled ahead of time";

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    private static readonly string s_project = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../AkkaRegenCache.AotApp"));

    public static TheoryData<string> Builds => [BuiltHere, .. Extent.OfLong(Native)];

    [Theory]
    [MemberData(nameof(Builds))]
    public async Task An_application_without_reflection_based_json_runs(string build)
    {
        if (build == Native)
        {
            await AssertRunsNativelyAsync();
            return;
        }

        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        AssertRan(await RunAsync("dotnet", Path.Combine(s_project, "bin", configuration, "net10.0", "AkkaRegenCache.AotApp.dll")));
    }

    private static async Task AssertRunsNativelyAsync()
    {
        var folder = Directory.CreateTempSubdirectory("arc-aot-").FullName;
        try
        {
            var published = await RunAsync("dotnet", "publish", s_project, "-c", "Release", "-p:PublishAot=true", "-o", folder, "--nologo");
            Assert.DoesNotContain("warning IL", published, StringComparison.Ordinal);
            AssertRan(await RunAsync(Path.Combine(folder, OperatingSystem.IsWindows() ? "AkkaRegenCache.AotApp.exe" : "AkkaRegenCache.AotApp")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void AssertRan(string output)
    {
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Equal(
            [
                "Unknown { Number = 7 }",
                "Product { Name = tea, Price = 1 }",
                "Product { Name = coffee, Price = 2 }",
                "Product { Name = milk, Price = 3 }",
                "Product { Name = coffee, Price = 2 }",
            ],
            lines.Take(5));
        Assert.Contains("'unknown'", lines[5], StringComparison.Ordinal);
        Assert.Contains("JsonSerializable", lines[5], StringComparison.Ordinal);
        Assert.Equal(6, lines.Length);
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(s_patience);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await output}{await error}");
        return await output;
    }
}
